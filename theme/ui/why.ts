/**
 * What mattered for the answer: the picture is covered piece by piece, and where that costs the
 * best class most, the picture stays visible. Zeiler and Fergus, "Visualizing and Understanding
 * Convolutional Networks" (2014), section 4.2.
 */

import type { PageData, Picture, Predictor } from "../runtime/page";
import { fill, words as said } from "../runtime/words";
import { best } from "./answer";
import { element, write } from "./elements";
import { written } from "./figures";
import type { Stage } from "./stage";

/** Positions of the cover along each side. */
const STEPS = 11;
/** Of the picture's shorter side. */
const COVER = 1 / 4;
/** What stays visible of parts that do not matter. */
const GROUND = 0.12;

export function enableWhy(
  { input, labels }: PageData, stage: Stage, predictor: Predictor,
): void {
  const button = element("why");
  const canvas = element<HTMLCanvasElement>("why-map");
  const words = element("why-words");
  const question = words.textContent!;
  const { width, height } = input;
  const side = Math.max(1, Math.round(Math.min(width, height) * COVER));
  let isExplained = false;
  /** Changes with every start and end: a map that is under way sees that it is stale. */
  let turn = 0;

  function reset(): void {
    turn++;
    isExplained = false;
    canvas.hidden = true;
    button.hidden = false;
    write(button, said.tools.why);
    write(words, question);
  }

  /** Draw the picture, the clearer where covering it cost more. */
  function paint(seen: Picture, cost: Float32Array, most: number): void {
    canvas.width = width;
    canvas.height = height;
    const rgba = new Uint8ClampedArray(seen.rgba);
    for (let at = 0; at < cost.length; at++) {
      rgba[at * 4 + 3] = 255 * (GROUND + (1 - GROUND) * Math.max(cost[at]! / most, 0));
    }
    canvas.getContext("2d")!.putImageData(new ImageData(rgba, width, height), 0, 0);
    canvas.hidden = false;
    button.hidden = true;
  }

  async function explain(): Promise<void> {
    const latest = stage.latest();
    if (!latest) return;
    const { given, prediction } = latest;
    const [top, whole] = best(prediction.values, 1)[0]!;
    const mine = ++turn;
    isExplained = true;
    write(button, said.tools.stop);
    await predictor.hold(await given.source());
    const sums = new Float32Array(width * height), counts = new Float32Array(width * height);
    let lowest = whole;
    for (let step = 0; step < STEPS * STEPS; step++) {
      write(words, fill(said.tools.covering, { done: step + 1, total: STEPS * STEPS }));
      const x = Math.round(((step % STEPS) / (STEPS - 1)) * (width - side));
      const y = Math.round((Math.floor(step / STEPS) / (STEPS - 1)) * (height - side));
      const left = (await predictor.cover({ x, y, side }))[top]!;
      if (turn !== mine) return;
      lowest = Math.min(lowest, left);
      for (let row = y; row < y + side; row++) {
        for (let at = row * width + x; at < row * width + x + side; at++) {
          sums[at]! += whole - left;
          counts[at]!++;
        }
      }
    }
    const cost = sums.map((sum, at) => sum / counts[at]!);
    const isShare = whole >= 0 && whole <= 1;
    const before = written(whole, isShare), after = written(lowest, isShare);
    const label = labels[top]!;
    paint(prediction.seen, cost, Math.max(...cost, Number.MIN_VALUE));
    write(
      words,
      before === after
        ? fill(said.tools.no_part, { label, share: before })
        : fill(said.tools.mattered, { label, before, after }),
    );
  }

  button.onclick = () => {
    if (isExplained) reset();
    else explain().catch((error: Error) => {
      reset();
      write(words, error.message);
    });
  };

  stage.onAnswer = () => {
    if (isExplained) reset();
  };
}
