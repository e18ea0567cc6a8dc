/** What a worker does for one page: decodes, prepares and predicts, so that the page never blocks. */

import { createClassifier, type Sized } from "./classify";
import { isFalsified, pictureOf, Refusal } from "./decode";
import type { Engine } from "./engine";
import { show } from "./image";
import type { Classification, Manifest } from "./manifest";
import type { Prediction, Progress, Ready, Request, Source } from "./page";
import { serve, type Answer, type Port } from "./remote";
import { cover, statisticsOf } from "./tensor";
import type { Hire } from "./threads";
import { fill, useWords, words, type Words } from "./words";

/** The first message. */
export interface Setup extends Omit<Classification, "labels"> {
  readonly manifest: Manifest;
  /** Absolute. */
  readonly base: string;
  /** Seen from base: the script of other threads, where the model has something for them. */
  readonly helper?: string | null;
  readonly words: Pick<Words, "picture">;
}

/** Loads the model of a manifest, with weights that may be known already. */
export type Opened = (
  setup: Setup, hire: Hire, onProgress?: Progress, known?: Uint8Array,
) => Promise<Engine>;

type Reply = (request: Request) => Promise<Answer>;

function replyWith(
  engine: Engine, task: Setup, other?: (at: number) => Promise<Engine>,
): Reply {
  const { first, choose, feed, run } = createClassifier(engine, task, other);
  let last = first;
  let held: readonly [Sized, numbers: Sized["fed"]];

  async function predict(source: Source): Promise<Prediction> {
    const begin = performance.now();
    const picture = await pictureOf(source);
    const decoded = performance.now();
    last = await choose(picture);
    const seen = feed(last, picture);
    const prepared = performance.now();
    const values = run(last);
    const done = performance.now();
    return {
      values,
      seen: show(seen, last.input),
      statistics: statisticsOf(last.fed),
      ms: { decode: decoded - begin, prepare: prepared - decoded, run: done - prepared },
      target: engine.target,
      threads: engine.threads,
    };
  }

  function time(count: number): number {
    const { engine, input, fed } = last;
    const begin = performance.now();
    for (let at = 0; at < count; at++) engine.run({ [input.name]: fed });
    return (performance.now() - begin) / count;
  }

  return async (request) => {
    if ("time" in request) return [time(request.time), []];
    if ("hold" in request) {
      const picture = await pictureOf(request.hold);
      const sized = await choose(picture);
      feed(sized, picture);
      held = [sized, sized.fed.slice()];
      return [null, []];
    }
    if ("cover" in request) {
      const [sized, numbers] = held;
      sized.fed.set(numbers);
      cover(sized.fed, sized.input, request.cover);
      return [run(sized), []];
    }
    const prediction = await predict(request.predict);
    return [prediction, [prediction.values.buffer, prediction.seen.rgba.buffer] as ArrayBuffer[]];
  };
}

/** Opens further sizes of a model, beside the one that has the weights. */
const besides = (
  engine: Engine, setup: Setup, open: Opened, hire: Hire,
) => (at: number): Promise<Engine> => {
  const manifest = { ...setup.manifest, ...setup.manifest.bindings![at - 1]! };
  return open({ ...setup, manifest }, hire, undefined, engine.weights);
};

/** Answer a page at the other end of a port; its first message is a Setup. */
export function serveSession(port: Port, open: Opened): void {
  let reply: Promise<Reply> | undefined;
  serve(port, async (message, note): Promise<Answer> => {
    if (!reply) {
      const setup = message as Setup;
      useWords(setup.words);
      reply = open(setup, note, (...progress) => note(progress)).then(
        (engine) => WITH_SIZES
          ? replyWith(engine, setup, besides(engine, setup, open, note))
          : replyWith(engine, setup),
        (error) => {
          throw new Refusal(fill(words.picture.not_loaded, { reason: error.message }));
        },
      );
      await reply;
      const ready: Ready = { falsified: isFalsified() };
      return [ready, []];
    }
    try {
      return await (await reply)(message);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Error(fill(words.picture.failed, { reason: (error as Error).message }));
    }
  });
}
