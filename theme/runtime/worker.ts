/** The worker of a demo page: decodes, prepares and predicts, so that the page never blocks. */

import { activate } from "./activation";
import { decode, read, Refusal } from "./decode";
import { start, type Engine } from "./engine";
import { normalization, see, show, write } from "./image";
import type { Manifest } from "./manifest";
import type { Activation, ImageInput, Picture, Prediction, Source } from "./page";
import { serve, type Answer, type Port } from "./remote";

/** The first message; all others are sources. */
export interface Setup {
  readonly manifest: Manifest;
  /** Absolute. */
  readonly base: string;
  readonly input: ImageInput;
  readonly activation: Activation;
}

type Predict = (source: Source) => Promise<Prediction>;

async function pictureOf(source: Source): Promise<Picture> {
  if (source instanceof Blob) return decode(source);
  return source instanceof ImageBitmap ? read(source) : source;
}

function predictWith(engine: Engine, { manifest, input, activation }: Setup): Predict {
  const size = input.width * input.height * input.mean.length;
  const raw = input.dtype === "uint8";
  const fed = raw ? new Uint8Array(size) : new Float32Array(size);
  const table = raw ? null : normalization(input);
  const output = manifest.outputs[0]!.name;
  return async (source) => {
    const begin = performance.now();
    const picture = await pictureOf(source);
    const decoded = performance.now();
    const seen = see(picture, input);
    write(seen, input, table, fed);
    const prepared = performance.now();
    const raw = engine.run({ [input.name]: fed })[output]!;
    const done = performance.now();
    return {
      values: activate(raw, activation),
      seen: show(seen, input),
      ms: { decode: decoded - begin, prepare: prepared - decoded, run: done - prepared },
      target: engine.target,
    };
  };
}

let predict: Promise<Predict> | undefined;

serve(globalThis as unknown as Port, async (message, note): Promise<Answer> => {
  if (!predict) {
    const setup = message as Setup;
    predict = start(setup.manifest, setup.base, undefined, (...progress) => note(progress)).then(
      (engine) => predictWith(engine, setup),
      (error) => {
        throw new Refusal(`The model could not be loaded: ${error.message}.`);
      },
    );
    await predict;
    return [null, []];
  }
  try {
    const prediction = await (await predict)(message);
    return [prediction, [prediction.values.buffer, prediction.seen.rgba.buffer] as ArrayBuffer[]];
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Error(`The model failed on this picture: ${(error as Error).message}.`);
  }
});
