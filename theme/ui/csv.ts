/** Tables as text, by RFC 4180, for spreadsheets. */

export type Line = readonly (string | number)[];

const field = (value: string | number): string =>
  /[",\r\n]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : `${value}`;

export const csv = (lines: readonly Line[]): string =>
  lines.map((line) => `${line.map(field)}\r\n`).join("");
