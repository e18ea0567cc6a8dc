/** The right half of the card: the bars, and a sentence for those who do not see them. */

import type { Answer, PageData, Picture, Statistics } from "../runtime/page";
import { fill as say, words } from "../runtime/words";
import { element, write } from "./elements";
import { percent, plain, written } from "./figures";

/** What the answer on the page is; the style sheet dims what is loading or running. */
export type State = "built" | "loading" | "running" | "live" | "empty";

const pane = element("take");
const status = element("status");
const verdict = element("verdict");
const rows = element<HTMLTableElement>("answer").tBodies[0]!.rows;
const seenImage = element<HTMLImageElement>("seen");
const seenCanvas = element<HTMLCanvasElement>("seen-live");

export function showState(state: State, text?: string): void {
  pane.dataset["state"] = state;
  pane.ariaBusy = `${state === "running" || state === "loading"}`;
  if (text) showStatus(text);
}

/** The line above the bars: where the answer comes from, or how far the model is loaded. */
export function showStatus(text: string): void {
  write(status, text);
}

/** The best classes of an output, best first; equal ones in the order of the labels. */
export function best(values: ArrayLike<number>, top: number): Answer[] {
  return Array.from(values, (value, index): Answer => [index, value])
    .sort((one, other) => other[1] - one[1])
    .slice(0, top);
}

/** Fill the rows of the table; without answers they are empty. */
export function showAnswers(answers: readonly Answer[], { labels, threshold }: PageData): void {
  const shown = answers.filter(([, value]) => threshold === null || value >= threshold);
  // A model without activation may give probabilities all the same.
  const areShares = shown.every(([, value]) => value >= 0 && value <= 1);
  const unit = areShares ? 1 : Math.max(...shown.map(([, value]) => Math.abs(value)));
  for (let at = 0; at < rows.length; at++) {
    const answer = shown[at];
    if (answer) {
      const [index, value] = answer;
      fill(at, labels[index]!, written(value, areShares), value / unit, value.toFixed(6));
    } else {
      fill(at, at || !answers.length ? "" : say(words.stage.nothing_above, { share: percent(threshold!) }), "", 0, "");
    }
  }
}

/** @param exact what pointing at the number tells */
function fill(at: number, label: string, number: string, share: number, exact: string): void {
  const row = rows[at]!;
  row.ariaHidden = label ? null : "true";
  write(row.querySelector("span")!, label);
  write(row.cells[1]!, number);
  row.cells[1]!.title = exact;
  row.querySelector(".fill")!.setAttribute("width", `${(Math.max(share, 0) * 100).toFixed(2)}%`);
}

/** Moving pictures are spoken of no more often than this, in milliseconds. */
const SPEECH = 3000;
let spoken = 0;

/** Say the answer that the table shows, once it is final; of moving pictures the best class. */
export function announce(isMoving: boolean): void {
  if (isMoving && performance.now() - spoken < SPEECH) return;
  spoken = performance.now();
  const [label, number] = Array.from(rows[0]!.cells, (cell) => cell.textContent);
  write(verdict, number && !isMoving ? `${label}, ${number}` : label!);
}

/** Show what the numbers are that the model is fed; null is nothing. */
export function showStatistics(statistics: Statistics | null): void {
  if (!statistics) return write(element("statistics"), "");
  const { min, max, mean, std } = statistics;
  const values = { min: plain(min), max: plain(max), mean: plain(mean), std: plain(std) };
  write(element("statistics"), say(words.stage.statistics, values));
}

/** Show what the model sees: a file made by the build, or pixels; null is nothing. */
export function showSeen(seen: Picture | string | null): void {
  const isFile = typeof seen === "string";
  seenImage.hidden = !isFile;
  seenCanvas.hidden = isFile || !seen;
  if (isFile) {
    seenImage.src = seen;
  } else if (seen) {
    const { width, height } = seen;
    seenCanvas.width = width;
    seenCanvas.height = height;
    const pixels = new ImageData(seen.rgba as Uint8ClampedArray<ArrayBuffer>, width, height);
    seenCanvas.getContext("2d")!.putImageData(pixels, 0, 0);
  }
}
