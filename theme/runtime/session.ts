/** What a worker does for one page: decodes, prepares and predicts, so that the page never blocks. */

import { createClassifier, type Sized } from "./classify";
import { isFalsified, pictureOf, Refusal } from "./decode";
import type { Engine } from "./engine";
import { show } from "./image";
import type { Classification, Manifest } from "./manifest";
import type { Prediction, Progress, Ready, Request, Source } from "./page";
import { serve, type Answer, type Port } from "./remote";
import { cover, statisticsOf } from "./tensor";
import { fill, useWords, words, type Words } from "./words";

/** The first message. */
export interface Setup extends Omit<Classification, "labels"> {
  readonly manifest: Manifest;
  /** Absolute. */
  readonly base: string;
  readonly words: Pick<Words, "picture">;
}

/** Loads the model of a manifest, with weights that may be known already. */
export type Opened = (
  setup: Setup, onProgress?: Progress, known?: Uint8Array,
) => Promise<Engine>;

type Reply = (request: Request) => Promise<Answer>;

function replyWith(
  engine: Engine, task: Setup, other: (at: number) => Promise<Engine>,
): Reply {
  const { choose, feed, run } = createClassifier(engine, task, other);
  let last: Sized | undefined;
  let held: { sized: Sized; numbers: Sized["fed"] } | undefined;

  async function predict(source: Source): Promise<Prediction> {
    const begin = performance.now();
    const picture = await pictureOf(source);
    const decoded = performance.now();
    const sized = last = await choose(picture);
    const seen = feed(sized, picture);
    const prepared = performance.now();
    const values = run(sized);
    const done = performance.now();
    return {
      values,
      seen: show(seen, sized.input),
      statistics: statisticsOf(sized.fed),
      ms: { decode: decoded - begin, prepare: prepared - decoded, run: done - prepared },
      target: engine.target,
    };
  }

  async function time(count: number): Promise<number> {
    const { engine, input, fed } = last ?? await choose(task.input);
    const begin = performance.now();
    for (let at = 0; at < count; at++) engine.run({ [input.name]: fed });
    return (performance.now() - begin) / count;
  }

  return async (request) => {
    if ("time" in request) return [await time(request.time), []];
    if ("hold" in request) {
      const picture = await pictureOf(request.hold);
      const sized = await choose(picture);
      feed(sized, picture);
      held = { sized, numbers: sized.fed.slice() };
      return [null, []];
    }
    if ("cover" in request) {
      const { sized, numbers } = held!;
      sized.fed.set(numbers);
      cover(sized.fed, sized.input, request.cover);
      return [run(sized), []];
    }
    const prediction = await predict(request.predict);
    return [prediction, [prediction.values.buffer, prediction.seen.rgba.buffer] as ArrayBuffer[]];
  };
}

/** Answer a page at the other end of a port; its first message is a Setup. */
export function serveSession(port: Port, open: Opened): void {
  let reply: Promise<Reply> | undefined;
  serve(port, async (message, note): Promise<Answer> => {
    if (!reply) {
      const setup = message as Setup;
      useWords(setup.words);
      reply = open(setup, (...progress) => note(progress)).then(
        (engine) => replyWith(engine, setup, (at) => {
          const { manifest } = setup;
          const sized = { ...manifest, ...manifest.bindings![at - 1]! };
          return open({ ...setup, manifest: sized }, undefined, engine.weights);
        }),
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
