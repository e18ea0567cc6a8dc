/** Image classification between decoding a picture and showing its answer, for pages and model.js. */

import { activate } from "./activation";
import type { Engine } from "./engine";
import { normalization, see, write } from "./image";
import type { Classification } from "./manifest";
import type { Picture } from "./page";

export interface Classifier {
  /** What the model is fed; `run` takes it as it then is. */
  readonly fed: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  /** Prepare a picture. @returns what the model sees of it */
  feed(picture: Picture): Uint8Array;
  /** One value per label, after the activation. */
  run(): Float32Array;
}

export function createClassifier(
  engine: Engine, { input, output, activation }: Omit<Classification, "labels">,
): Classifier {
  const size = input.width * input.height * input.mean.length;
  const isRaw = input.dtype === "uint8";
  const fed = isRaw ? new Uint8Array(size) : new Float32Array(size);
  const table = isRaw ? null : normalization(input);
  return {
    fed,
    feed(picture) {
      const seen = see(picture, input);
      write(seen, input, table, fed);
      return seen;
    },
    run: () => activate(engine.run({ [input.name]: fed })[output]!, activation),
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
