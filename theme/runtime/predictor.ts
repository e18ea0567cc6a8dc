/** The page's end of its worker. */

import type { PageData, Predictor, Progress, Ready, Request, Source } from "./page";
import { connect, type WorkerPort } from "./remote";
import type { Errand } from "./threads";

/** Let a worker load the model and warm it up; one of its own, if none is given. */
export function createPredictor(
  page: PageData, onProgress: Progress,
  worker = new Worker(page.worker, { type: "module" }) as WorkerPort,
): Predictor {
  const { picture, stage } = page.words;
  const base = new URL(page.base, location.href).href;
  const hire = async (errand: Errand): Promise<void> => {
    const helper: typeof import("./helper") = await import(new URL(page.helper!, base).href);
    helper.hire(errand);
  };
  const remote = connect(
    worker,
    (note: Errand | Parameters<Progress>) =>
      void ("memory" in note ? hire(note) : onProgress(...note)),
    () => stage.stopped,
  );
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
  };
}
