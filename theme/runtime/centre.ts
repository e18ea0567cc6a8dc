/** A drawing placed by its centre of mass, as the pictures of MNIST are; integers alone. */

import type { Filter } from "./page";
import { all, plane, resize, type Rows } from "./resample";

/**
 * Stretch what is between the paper, which the border shows, and the strongest ink.
 *
 * @param grey one byte per pixel, ink lighter or darker than the paper
 * @returns for each of the 256 bytes: 0 for paper, 255 for the strongest ink
 */
function stretch(grey: Uint8Array, width: number, height: number): Uint8Array {
  let total = 0;
  let least = 255, most = 0;
  for (let x = 0; x < width; x++) total += grey[x]! + grey[(height - 1) * width + x]!;
  for (let y = 0; y < height; y++) total += grey[y * width]! + grey[(y + 1) * width - 1]!;
  for (const byte of grey) {
    if (byte < least) least = byte;
    if (byte > most) most = byte;
  }
  const pixels = 2 * (width + height);
  const light = 2 * total > 255 * pixels;
  const paper = Math.floor((light ? 255 * pixels - total : total) / pixels);
  const strength = Math.max((light ? 255 - least : most) - paper, 1);
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    const level = light ? 255 - byte : byte;
    return Math.min(255, Math.floor((Math.max(level - paper, 0) * 255) / strength));
  });
}

/** First and last index at which `is` holds; the last is -1 if it never does. */
function extent(size: number, is: (i: number) => boolean): [first: number, last: number] {
  let first = 0, last = size - 1;
  while (last >= 0 && !is(last)) last--;
  while (first < last && !is(first)) first++;
  return [first, last];
}

/** Where weights begin so that their centre of mass is the middle of `places`, all inside. */
function balance(moment: number, mass: number, size: number, places: number): number {
  const begin = Math.floor((places * mass - 2 * moment) / (2 * mass));
  return Math.min(Math.max(begin, 0), places - size);
}

/**
 * The ink of a picture of one channel, white on black, `size` pixels long, centred.
 *
 * @returns width * height bytes
 */
export function centre(
  rows: Rows, width: number, height: number, size: number, filter: Filter,
): Uint8Array {
  const centred = new Uint8Array(width * height);
  const ink = new Uint8Array(rows.width * rows.height);
  const line = (y: number): Uint8Array => ink.subarray(y * rows.width, (y + 1) * rows.width);
  for (let y = 0; y < rows.height; y++) rows.row(y, line(y));
  const stretched = stretch(ink, rows.width, rows.height);
  for (let i = 0; i < ink.length; i++) ink[i] = stretched[ink[i]!]!;

  const drawing = plane(ink, rows.width, rows.height, 1);

  // A quarter of the ink's strength: more than the noise of a photograph of paper.
  const inked = (byte: number): boolean => byte >= 64;
  const [top, bottom] = extent(rows.height, (y) => line(y).some(inked));
  if (bottom < 0) return centred;
  const [left, right] = extent(rows.width, (x) => {
    for (let i = x; i < ink.length; i += rows.width) if (inked(ink[i]!)) return true;
    return false;
  });
  const inkWidth = right + 1 - left, inkHeight = bottom + 1 - top;
  const longer = Math.max(inkWidth, inkHeight);
  const scaled = (side: number): number =>
    Math.max(1, Math.floor((2 * side * size + longer) / (2 * longer)));
  const smallWidth = scaled(inkWidth), smallHeight = scaled(inkHeight);
  const box = [left, top, right + 1, bottom + 1] as const;
  const small = resize(drawing, box, all(smallWidth), all(smallHeight), filter);

  let mass = 0, momentX = 0, momentY = 0;
  small.forEach((byte, i) => {
    mass += byte;
    momentX += byte * (i % smallWidth);
    momentY += byte * Math.floor(i / smallWidth);
  });
  mass = Math.max(mass, 1);
  const x = balance(momentX, mass, smallWidth, width);
  const y = balance(momentY, mass, smallHeight, height);
  small.forEach((byte, i) => {
    centred[(y + Math.floor(i / smallWidth)) * width + x + (i % smallWidth)] = byte;
  });
  return centred;
}
