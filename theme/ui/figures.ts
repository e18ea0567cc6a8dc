/** How numbers are written, the same as in `site/figures.py`. */

import { words } from "../runtime/words";

/** A narrow space that does not break. */
const SPACE = "\u202f";

/** A number with a point, as the language of the page writes it. */
const local = (number: string): string => number.replace(".", words.figures.decimal);

export function percent(share: number): string {
  const text =
    share === 0 || share === 1 ? `${share * 100}`
    : share < 0.0005 ? "<0.1"
    : share >= 0.9995 ? ">99.9"
    : (share * 100).toFixed(1);
  return `${local(text)}${SPACE}%`;
}

/** A value of an answer: a share, or a score. */
export const written = (value: number, isShare: boolean): string =>
  isShare ? percent(value) : local(value.toFixed(2));

export function thousands(bytes: number): string {
  if (bytes < 10_000) return local((bytes / 1000).toFixed(1));
  return `${Math.round(bytes / 1000)}`.replace(/\B(?=(\d{3})+$)/g, words.figures.thousands);
}

export function kilobytes(bytes: number): string {
  return `${thousands(bytes)}${SPACE}kB`;
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Two digits and a power of ten; plainly where that is short. */
export function scientific(number: number): string {
  if (number === 0) return "0";
  if (number >= 0.01 && number < 1000) return local(number.toPrecision(2));
  const [mantissa, exponent] = number.toExponential(1).split("e");
  const power = exponent!.replace("+", "").replace("-", "⁻").replace(/\d/g, (digit) => RAISED[+digit]!);
  return `${local(mantissa!)}${SPACE}×${SPACE}10${power}`;
}

/** A number of about one, with its sign. */
export const plain = (number: number): string => local(number.toFixed(2)).replace("-", "−");

/** So many a second. */
export const frequency = (rate: number): string => local(rate.toFixed(rate < 10 ? 1 : 0));

/** Tenths of a millisecond are what browsers measure at best. */
export function milliseconds(time: number): string {
  const text = time < 0.1 ? "<0.1" : time < 100 ? time.toFixed(1) : time.toFixed(0);
  return `${local(text)}${SPACE}ms`;
}
