/** The numbers under the card that only the visitor's browser knows. */

import type { PageData, Prediction, Target } from "../runtime/page";
import { element, write } from "./elements";
import { kilobytes, milliseconds } from "./figures";

/** Show how long the answer took, and which module gave it. */
export function showTimes(page: PageData, ms: Prediction["ms"], target: Target): void {
  const { decode, prepare, run } = ms;
  const times = { decode, prepare, run, total: decode + prepare + run };
  for (const [part, time] of Object.entries(times)) {
    write(element(`ms-${part}`), time ? milliseconds(time) : "–");
  }
  write(element("latency"), milliseconds(run));
  write(element("target"), target);
  const { bytes } = page;
  for (const form of ["raw", "gzip"] as const) {
    const code = bytes[target][form];
    write(element(`code-${form}`), kilobytes(code));
    write(element(`all-${form}`), kilobytes(code + bytes.weights[form] + bytes.script[form]));
  }
  write(element("loaded"), element("all-gzip").textContent!);
}
