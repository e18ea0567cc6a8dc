/** From a model's raw outputs to what a page shows; the same formulas as in Python. */

import type { Activation } from "./page";

/** In float64, rounded to float32 at the end. */
export function activate(raw: ArrayLike<number | bigint>, activation: Activation): Float32Array {
  const values = Float64Array.from(raw as ArrayLike<number>, Number);
  if (activation === "sigmoid") return Float32Array.from(values, (x) => 1 / (1 + Math.exp(-x)));
  if (activation === "none") return Float32Array.from(values);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = values.map((x) => Math.exp(x - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / sum);
}
