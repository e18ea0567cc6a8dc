/** The numbers under the card that only the visitor's browser knows. */

import type { PageData, Prediction, Predictor } from "../runtime/page";
import { histogram, quantile, sparkline } from "./charts";
import { element, write } from "./elements";
import { kilobytes, milliseconds } from "./figures";

/** As many answers as the line shows. */
const MEMORY = 60;
const history: number[] = [];

/** Show how long the answer took, and which module gave it. @param shown milliseconds */
export function showTimes(page: PageData, { ms, target }: Prediction, shown: number): void {
  const { decode, prepare, run } = ms;
  const times = { decode, prepare, run, show: shown, total: decode + prepare + run + shown };
  for (const [part, time] of Object.entries(times)) {
    write(element(`ms-${part}`), time ? milliseconds(time) : "–");
  }
  write(element("latency"), milliseconds(run));
  write(element("target"), target);
  showHistory(run);
  const { bytes } = page;
  for (const form of ["raw", "gzip"] as const) {
    const code = bytes[target][form];
    write(element(`code-${form}`), kilobytes(code));
    write(element(`all-${form}`), kilobytes(code + bytes.weights[form] + bytes.script[form]));
  }
  write(element("loaded"), element("all-gzip").textContent!);
}

function showHistory(run: number): void {
  history.push(run);
  if (history.length > MEMORY) history.shift();
  const spark = element("spark");
  spark.toggleAttribute("hidden", history.length < 2);
  sparkline(spark, history);
  write(element("median"), summary(history, history.length > 1 ? "answers" : "answer"));
}

function summary(times: readonly number[], what: string): string {
  const median = milliseconds(quantile(times, 0.5)), slow = milliseconds(quantile(times, 0.9));
  return `Median ${median}, 90th percentile ${slow}, of ${times.length} ${what}`;
}

/** Milliseconds that are measured well where a clock ticks every tenth of one. */
const MEASURABLE = 2;
const RUNS = 100;

/** Let the visitor run the model a hundred times, and show how long it took. */
export function enableRepeat(predictor: Predictor): void {
  const button = element<HTMLButtonElement>("repeat");
  const figure = element("histogram");

  button.onclick = async () => {
    button.disabled = true;
    try {
      const count = Math.ceil(MEASURABLE / Math.max(await predictor.time(5), 0.02));
      const times: number[] = [];
      while (times.length < RUNS) {
        times.push(await predictor.time(count));
        figure.hidden = false;
        histogram(figure.firstElementChild!, times, 25);
        write(element("histogram-low"), milliseconds(Math.min(...times)));
        write(element("histogram-high"), milliseconds(Math.max(...times)));
      }
      const each = count > 1 ? `; each is the mean of ${count} in a row, for the clock is coarse` : "";
      write(element("histogram-words"), `${summary(times, "runs")}${each}.`);
    } finally {
      button.disabled = false;
    }
  };
}
