/**
 * A drawing as text for an address: four characters per point, strokes set apart by a dot.
 *
 * A point is two numbers below 4096, which four digits of 6 bits hold; strokes are drawn from
 * such points in the first place, so that a drawing and its copy are the same to the last bit.
 */

export type Point = readonly [x: number, y: number];
export type Stroke = readonly Point[];

/** Points lie on a grid of so many lines each way. */
export const GRID = 4096;

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const encodeNumber = (n: number): string => DIGITS[n >> 6]! + DIGITS[n & 63]!;

export const encode = (strokes: readonly Stroke[]): string =>
  strokes.map((stroke) => stroke.flat().map(encodeNumber).join("")).join(".");

/** Null if the text is not a drawing. */
export function decode(text: string): Stroke[] | null {
  if (!/^([\w-]{4})+(\.([\w-]{4})+)*$/.test(text)) return null;
  const digit = (character: string): number => DIGITS.indexOf(character);
  return text.split(".").map((stroke) =>
    stroke.match(/.{4}/g)!.map((point): Point => {
      const [a, b, c, d] = Array.from(point, digit);
      return [a! * 64 + b!, c! * 64 + d!];
    }),
  );
}
