/** What a page tells about the numbers that a model is fed, and what it does to them. */

import type { Box, ImageInput, Statistics } from "./page";

type Numbers = Float32Array | Uint8Array;

export function statisticsOf(values: Numbers): Statistics {
  let sum = 0, squares = 0, min = Infinity, max = -Infinity;
  for (const value of values) {
    sum += value;
    squares += value * value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / values.length;
  return { min, max, mean, std: Math.sqrt(Math.max(squares / values.length - mean * mean, 0)) };
}

/** Set a square of every channel to the channel's mean, or to a drawing's paper, in place. */
export function cover(values: Numbers, input: ImageInput, { x, y, side }: Box): void {
  const { width, height, layout, mean, centre } = input;
  const channels = mean.length, pixels = width * height;
  const isPlanar = layout === "NCHW";
  const step = isPlanar ? 1 : channels;
  for (let channel = 0; channel < channels; channel++) {
    const first = isPlanar ? channel * pixels : channel;
    let sum = 0, paper = Infinity;
    for (let at = 0; at < pixels; at++) {
      const value = values[first + at * step]!;
      sum += value;
      paper = Math.min(paper, value);
    }
    // Ink is brighter than paper once it is centred; the mean of the two would be more ink.
    const blank = centre ? paper : sum / pixels;
    for (let row = y; row < y + side; row++) {
      for (let column = x; column < x + side; column++) {
        values[first + (row * width + column) * step] = blank;
      }
    }
  }
}
