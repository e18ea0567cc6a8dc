/** Image classification between decoding a picture and showing its answer, for pages and model.js. */

import { activate } from "./activation";
import type { Engine } from "./engine";
import { nearest, normalization, see, sizesOf, write } from "./image";
import type { Classification } from "./manifest";
import type { ImageInput, Picture } from "./page";

/** The model for one size of its input. */
export interface Sized {
  readonly engine: Engine;
  readonly input: ImageInput;
  /** What the model is fed; `run` takes it as it then is. */
  readonly fed: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
}

export interface Classifier {
  readonly first: Sized;
  /** The model for the size whose proportions are nearest to a picture's. */
  choose(picture: Picture): Promise<Sized>;
  /** Prepare a picture. @returns what the model sees of it */
  feed(sized: Sized, picture: Picture): Uint8Array;
  /** One value per label, after the activation. */
  run(sized: Sized): Float32Array;
}

/** @param other the engine of a further size of the input, by its position from 1 on */
export function createClassifier(
  engine: Engine,
  { input, output, activation }: Omit<Classification, "labels">,
  other?: (at: number) => Promise<Engine>,
): Classifier {
  const isRaw = input.dtype === "uint8";
  const table = isRaw ? null : normalization(input);
  const sized = (engine: Engine, input: ImageInput): Sized => ({
    engine,
    input,
    fed: new (isRaw ? Uint8Array : Float32Array)(input.width * input.height * input.mean.length),
  });
  const first = sized(engine, input);
  const made = [first];
  return {
    first,
    choose: WITH_SIZES
      ? async (picture) => {
        const inputs = sizesOf(input), at = nearest(inputs, picture);
        return made[at] ??= sized(await other!(at), inputs[at]!);
      }
      : async () => first,
    feed(sized, picture) {
      const seen = see(picture, sized.input);
      write(seen, sized.input, table, sized.fed);
      return seen;
    },
    run: ({ engine, fed }) => activate(engine.run({ [input.name]: fed })[output]!, activation),
  };
}

/** A class, and what the model makes of it. */
export interface Answer {
  readonly label: string;
  readonly probability: number;
  /** The position of the class in the model's output. */
  readonly index: number;
}

/** Every class, best first; of equals the first in the list. */
export const ranked = (values: Float32Array, labels: readonly string[]): Answer[] =>
  Array.from(values, (probability, index) => ({ label: labels[index]!, probability, index }))
    .sort((one, other) => other.probability - one.probability);
