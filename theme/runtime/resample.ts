/**
 * Pillow's resizing of 8-bit pictures, to the last bit.
 *
 * The algorithm: every output pixel is a weighted sum of the input pixels under a filter that
 * is widened by the reduction (which is what antialiases), once along rows and once along
 * columns, with 22-bit fixed-point weights and a rounding to 8 bits after each direction.
 */

import type { Filter } from "./page";

/** A picture that gives its rows on demand: `width * channels` bytes into `into`. */
export interface Rows {
  readonly width: number;
  readonly height: number;
  /** 1 or 3. */
  readonly channels: number;
  row(y: number, into: Uint8Array): void;
}

/** Rows that lie in memory one after the other. */
export function plane(bytes: Uint8Array, width: number, height: number, channels: number): Rows {
  const pitch = width * channels;
  const row = (y: number, into: Uint8Array): void =>
    into.set(bytes.subarray(y * pitch, (y + 1) * pitch));
  return { width, height, channels, row };
}

/** Left, top, right, bottom, in pixels and fractions of them. */
export type Box = readonly [number, number, number, number];

/** Which pixels of the resized picture are wanted: from `begin`, `size` of them, of `whole`. */
export interface Span {
  readonly begin: number;
  readonly size: number;
  readonly whole: number;
}

/** All `size` pixels. */
export const all = (size: number): Span => ({ begin: 0, size, whole: size });

const PRECISION_BITS = 22;
const HALF = 0x20_0000;

/** Weight at distance x from the centre, and the distance from which on it is zero. */
type Kernel = readonly [support: number, weight: (x: number) => number];

const sinc = (x: number): number => (x ? Math.sin(x * Math.PI) / (x * Math.PI) : 1);

const KERNELS: Readonly<Record<Exclude<Filter, "nearest">, Kernel>> = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  hamming: [1, (x) => (Math.abs(x) < 1 ? sinc(x) * raisedCosine(x * Math.PI) : 0)],
  bicubic: [2, (x) => cubic(Math.abs(x))],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

/** Pillow has these two constants as float32. */
const raisedCosine = (x: number): number =>
  Math.fround(0.54) + Math.fround(0.46) * Math.cos(x);

/** Keys' cubic with a = -1/2, x >= 0. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/** For each wanted pixel: the first input pixel, how many, and their fixed-point weights. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  /** Distance in `weights` from one pixel to the next. */
  readonly stride: number;
}

/**
 * @param size pixels of the input along this direction
 * @param from the edges of the box that is resized, already rounded to float32
 */
function weigh(size: number, from: number, to: number, span: Span, kernel: Kernel): Weights {
  const [reach, weight] = kernel;
  const scale = Math.fround(to - from) / span.whole;
  const widening = Math.max(scale, 1);
  const support = reach * widening;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(span.size);
  const count = new Int32Array(span.size);
  const weights = new Int32Array(span.size * stride);
  const exact = new Float64Array(stride);
  for (let i = 0; i < span.size; i++) {
    const centre = from + (span.begin + i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(size, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let x = begin; x < end; x++) {
      sum += exact[x - begin] = weight((x - centre + 0.5) * (1 / widening));
    }
    for (let x = begin; x < end; x++) {
      const fixed = (sum ? exact[x - begin]! / sum : exact[x - begin]!) * (1 << PRECISION_BITS);
      weights[i * stride + x - begin] = Math.trunc(fixed + (fixed < 0 ? -0.5 : 0.5));
    }
    first[i] = begin;
    count[i] = end - begin;
  }
  return { first, count, weights, stride };
}

/** A fixed-point sum, to which a half was added, as a byte. */
function toByte(sum: number): number {
  const byte = sum >> PRECISION_BITS;
  return byte < 0 ? 0 : byte > 255 ? 255 : byte;
}

/** The input pixel that each wanted pixel copies; the position is summed up as Pillow does. */
function nearest(from: number, to: number, span: Span): Int32Array {
  const scale = Math.fround(to - from) / span.whole;
  const positions = new Int32Array(span.size);
  let position = from + scale * 0.5;
  for (let i = 0; i < span.begin + span.size; i++, position += scale) {
    if (i >= span.begin) positions[i - span.begin] = position;
  }
  return positions;
}

function pick(source: Rows, columns: Int32Array, rows: Int32Array): Uint8Array {
  const { channels } = source;
  const row = new Uint8Array(source.width * channels);
  const picked = new Uint8Array(columns.length * rows.length * channels);
  let at = 0;
  for (const y of rows) {
    source.row(y, row);
    for (const x of columns) {
      for (let c = 0; c < channels; c++) picked[at++] = row[x * channels + c]!;
    }
  }
  return picked;
}

/** The horizontal pass over the rows from `begin` to `end`. */
function narrow(source: Rows, columns: Weights, begin: number, end: number): Uint8Array {
  const { width, channels } = source;
  const { first, count, weights, stride } = columns;
  const row = new Uint8Array(width * channels);
  const narrowed = new Uint8Array((end - begin) * first.length * channels);
  for (let y = begin, at = 0; y < end; y++) {
    source.row(y, row);
    for (let x = 0; x < first.length; x++) {
      let from = first[x]! * channels;
      let red = HALF, green = HALF, blue = HALF;
      for (let i = x * stride, last = i + count[x]!; i < last; i++, from += channels) {
        const weight = weights[i]!;
        red = (red + Math.imul(row[from]!, weight)) | 0;
        if (channels === 1) continue;
        green = (green + Math.imul(row[from + 1]!, weight)) | 0;
        blue = (blue + Math.imul(row[from + 2]!, weight)) | 0;
      }
      narrowed[at++] = toByte(red);
      if (channels === 1) continue;
      narrowed[at++] = toByte(green);
      narrowed[at++] = toByte(blue);
    }
  }
  return narrowed;
}

/** The vertical pass over bytes in lines of `pitch`, the first of which is row `begin`. */
function shorten(bytes: Uint8Array, pitch: number, rows: Weights, begin: number): Uint8Array {
  const { first, count, weights, stride } = rows;
  const shortened = new Uint8Array(first.length * pitch);
  const sums = new Int32Array(pitch);
  for (let y = 0; y < first.length; y++) {
    sums.fill(HALF);
    let from = (first[y]! - begin) * pitch;
    for (let i = y * stride, last = i + count[y]!; i < last; i++, from += pitch) {
      const weight = weights[i]!;
      for (let x = 0; x < pitch; x++) sums[x]! += Math.imul(bytes[from + x]!, weight);
    }
    for (let x = 0; x < pitch; x++) shortened[y * pitch + x] = toByte(sums[x]!);
  }
  return shortened;
}

/** The wanted part of `source`'s box resized: rows of pixels of `source.channels` bytes. */
export function resize(
  source: Rows, box: Box, across: Span, down: Span, filter: Filter,
): Uint8Array {
  const { width, height, channels } = source;
  // Pillow hands the box over as float32.
  const [left, top, right, bottom] = box.map(Math.fround) as unknown as Box;
  if (filter === "nearest") {
    return pick(source, nearest(left, right, across), nearest(top, bottom, down));
  }
  const columns = weigh(width, left, right, across, KERNELS[filter]);
  const rows = weigh(height, top, bottom, down, KERNELS[filter]);
  const begin = rows.first[0]!;
  const end = rows.first.at(-1)! + rows.count.at(-1)!;

  // The order shows in the last bit. Pillow 13 shortens first where that saves much more.
  if (height - down.whole <= Math.max(0, 2 * (width - across.whole))) {
    return shorten(narrow(source, columns, begin, end), across.size * channels, rows, begin);
  }
  const pitch = width * channels;
  const bytes = new Uint8Array((end - begin) * pitch);
  for (let y = begin; y < end; y++) {
    source.row(y, bytes.subarray((y - begin) * pitch, (y + 1 - begin) * pitch));
  }
  const short = plane(shorten(bytes, pitch, rows, begin), width, down.size, channels);
  return narrow(short, columns, 0, down.size);
}
