/** The page's end of its worker. */

import type { PageData, Predictor, Progress, Ready, Request, Source } from "./page";
import { connect, type WorkerPort } from "./remote";

/** Let a worker load the model and warm it up; one of its own, if none is given. */
export function createPredictor(
  page: PageData, onProgress: Progress,
  worker = new Worker(page.worker, { type: "module" }) as WorkerPort,
): Predictor {
  const { picture, stage } = page.words;
  const remote = connect(
    worker,
    ([loaded, total]) => onProgress(loaded, total),
    () => stage.stopped,
  );
  const base = new URL(page.base, location.href).href;
  const ready = remote.ask<Ready>({ ...page, base, words: { picture } });
  ready.catch(() => {}); // predict() rejects for the same reason.
  const ask = <T>(request: Request): Promise<T> => remote.ask(request);
  return {
    ready,
    predict: (source: Source) =>
      remote.ask({ predict: source }, source instanceof ImageBitmap ? [source] : []),
    time: (count) => ask({ time: count }),
    hold: (source) => ask({ hold: source }),
    cover: (box) => ask({ cover: box }),
    close: () => remote.close("The demo is closed."),
  };
}
