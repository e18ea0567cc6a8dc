/** The page's end of its worker. */

import type { PageData, Prediction, Predictor, Progress, Source } from "./page";
import { connect, type WorkerPort } from "./remote";

/** Start a worker that loads the model and warms it up. */
export function createPredictor(page: PageData, onProgress: Progress): Predictor {
  const worker = new Worker(page.worker, { type: "module" }) as WorkerPort;
  const remote = connect(
    worker,
    ([loaded, total]) => onProgress(loaded, total),
    () => "The demo has stopped working. Reload the page.",
  );
  const { manifest, input, activation } = page;
  const base = new URL(page.base, location.href).href;
  const ready = remote.ask<void>({ manifest, base, input, activation });
  ready.catch(() => {}); // predict() rejects for the same reason.
  const predict = (source: Source): Promise<Prediction> =>
    remote.ask(source, source instanceof ImageBitmap ? [source] : []);
  return { ready, predict, close: () => remote.close("The demo is closed.") };
}
