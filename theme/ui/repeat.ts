/** The model run a hundred times: how long it takes, and how that varies. */

import type { Predictor } from "../runtime/page";
import { fill, words } from "../runtime/words";
import { histogram, summary } from "./charts";
import { element, write } from "./elements";
import { milliseconds } from "./figures";

/** Milliseconds that are measured well where a clock ticks every tenth of one. */
const MEASURABLE = 2;
const RUNS = 100;

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
      const { runs, runs_mean } = words.tools;
      const found = { ...summary(times), each: count };
      write(element("histogram-words"), fill(count > 1 ? runs_mean : runs, found));
    } finally {
      button.disabled = false;
    }
  };
}
