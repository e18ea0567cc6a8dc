/** The numbers under the card that only the visitor's browser knows. */

import type { PageData, Prediction } from "../runtime/page";
import { fill, words } from "../runtime/words";
import { sparkline, summary } from "./charts";
import { element, write } from "./elements";
import { kilobytes, milliseconds } from "./figures";

/** As many answers as the line shows. */
const MEMORY = 60;
const history: number[] = [];

/** Show how long the answer took, and which module gave it. @param shown milliseconds */
export function showTimes(page: PageData, { ms, target, threads }: Prediction, shown: number): void {
  const { decode, prepare, run } = ms;
  const times = { decode, prepare, run, show: shown, total: decode + prepare + run + shown };
  for (const [part, time] of Object.entries(times)) {
    write(element(`ms-${part}`), time ? milliseconds(time) : "–");
  }
  write(element("latency"), milliseconds(run));
  write(element("target"), target);
  if (threads! > 1) write(element("threads"), fill(words.stage.threads, { threads: threads! }));
  showHistory(run);
  const { bytes } = page;
  const loaded = (threads! > 1 ? bytes.threads! : bytes)[target];
  for (const [place, size] of Object.entries(loaded)) write(element(place), kilobytes(size));
  write(element("loaded"), element("all-gzip").textContent!);
}

function showHistory(run: number): void {
  history.push(run);
  if (history.length > MEMORY) history.shift();
  const spark = element("spark");
  spark.toggleAttribute("hidden", history.length < 2);
  sparkline(spark, history);
  const { times, times_one } = words.stage;
  write(element("median"), fill(history.length > 1 ? times : times_one, summary(history)));
}
