/**
 * Strings between a caller and a module, which knows them by number, and what is made of them
 * ahead of a run; `targets/texts.py` does the same.
 */

import type { Engine, Tensors, TypedArray } from "./engine";
import type { Binding, TensorPlace, TextStep } from "./manifest";

/** Strings are a plain array of them. */
export type Values = Record<string, TypedArray | string[]>;

export interface TextEngine {
  run(feeds: Values): Values;
  reset(): void;
}

type Texts = readonly string[];
type Options = TextStep["options"];

/** Strings, or what is known of them, row by row along the last axis. */
interface Made {
  readonly data: readonly (string | boolean | number)[];
  readonly row: number;
}

const SPACE = /[ \t\n\v\f\r]+/;

const inCase = (text: string, name: unknown): string =>
  name === "lower" ? text.toLowerCase() : name === "upper" ? text.toUpperCase() : text;

function partsOf(text: string, delimiter: string, limit: number): string[] {
  const parts: string[] = [];
  const spaces = !delimiter;
  let rest = spaces ? text.replace(new RegExp(`^${SPACE.source}`), "") : text;
  while (parts.length !== limit) {
    const at = spaces ? rest.search(SPACE) : rest.indexOf(delimiter);
    if (at < 0) break;
    parts.push(rest.slice(0, at));
    rest = spaces ? rest.slice(at).replace(SPACE, "") : rest.slice(at + delimiter.length);
  }
  return spaces && !rest ? parts : [...parts, rest];
}

const FUNCTIONS: Record<TextStep["function"], (options: Options, ...operands: Texts[]) => Made[]> = {
  concat: (_, first, second) => [
    { data: first!.map((text, at) => text + second![at]), row: first!.length },
  ],
  match({ pattern }, texts) {
    const whole = new RegExp(`^(?:${pattern})$`);
    return [{ data: texts!.map((text) => whole.test(text)), row: texts!.length }];
  },
  normalize(options, texts) {
    const compared = (text: string) => inCase(text, options.stop_case);
    const stops = new Set((options.stop_words as Texts).map(compared));
    const kept = texts!.filter((text) => !stops.has(compared(text)));
    const data = (kept.length ? kept : [""]).map((text) => inCase(text, options.case));
    return [{ data, row: data.length }, { data: [data.length], row: 1 }];
  },
  split({ delimiter, limit }, texts) {
    const every = texts!.map((text) => partsOf(text, delimiter as string, limit as number));
    const numbers = every.map((parts) => parts.length);
    const row = Math.max(0, ...numbers);
    const data = every.flatMap((parts) => [...parts, ...Array(row - parts.length).fill("")]);
    return [{ data, row }, { data: numbers, row: numbers.length }, { data: [row], row: 1 }];
  },
};

const lengthOf = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);

/** Elements of `shape` repeated to those of another that it broadcasts to, as in numpy. */
function spread(texts: Texts, shape: readonly number[], to: readonly number[]): Texts {
  if (texts.length === lengthOf(to)) return texts;
  return Array.from({ length: lengthOf(to) }, (_, flat) => {
    let at = 0, stride = 1;
    for (let axis = to.length - 1, own = shape.length - 1; own >= 0; axis--, own--) {
      if (shape[own] !== 1) at += (flat % to[axis]!) * stride;
      stride *= shape[own]!;
      flat = Math.floor(flat / to[axis]!);
    }
    return texts[at]!;
  });
}

/** An answer as it lies in memory, its last axis filled up with empty strings. */
function placed({ data, row }: Made, { shape, dtype }: TensorPlace): Made["data"] {
  const length = lengthOf(shape), wide = shape.at(-1) ?? 1;
  if (dtype !== "string" || data.length === length) return data;
  if (row > wide) {
    throw new TypeError(`a string has ${row} parts, and there is memory for ${wide}; `
      + "give strings with fewer, or limit them in the model");
  }
  return Array.from({ length }, (_, at) =>
    at % wide < row ? data[Math.floor(at / wide) * row + (at % wide)]! : "");
}

/** What an engine is given: the model's inputs, and what is made of strings. */
export const allInputs = ({ inputs, texts }: Binding): readonly TensorPlace[] =>
  [...inputs, ...texts.flatMap((step) => step.outputs)];

/** An engine that takes and gives strings where the model does. */
export function withTexts(
  engine: Engine, { inputs, outputs, strings, texts }: Binding,
): TextEngine {
  const known = [...strings];
  const numbers = new Map(known.map((text, number) => [text, number]));

  const numberOf = (text: string): number => {
    const number = numbers.get(text) ?? known.push(text) - 1;
    numbers.set(text, number);
    return number;
  };

  function given({ name, dtype, shape }: TensorPlace, value: unknown): TypedArray {
    if (dtype !== "string") return value as TypedArray;
    const length = lengthOf(shape);
    const isList = Array.isArray(value) && value.every((text) => typeof text === "string");
    if (!isList || value.length !== length) {
      const got = isList ? `a list of ${value.length} strings` : `no list of strings`;
      throw new TypeError(
        `input "${name}": got ${got}; give a list of ${length} (${shape.join("x") || "a scalar"})`,
      );
    }
    return Int32Array.from(value, numberOf);
  }

  function numbered({ dtype }: TensorPlace, data: Made["data"]): TypedArray {
    if (dtype === "string") return Int32Array.from(data as Texts, numberOf);
    return dtype === "int64"
      ? BigInt64Array.from(data as number[], BigInt)
      : Uint8Array.from(data as boolean[], Number);
  }

  /** Take every step on the strings given; what comes of it is given to the engine. */
  function prepare(feeds: Values, tensors: Tensors): void {
    const values = { ...feeds } as Record<string, Texts>;
    for (const { function: name, operands, outputs: places, options } of texts) {
      const taken = operands.map((one) => {
        const all = one.name ? values[one.name]! : one.texts;
        return name === "concat" ? spread(all, one.shape, places[0]!.shape) : all;
      });
      FUNCTIONS[name](options, ...taken).forEach((answer, at) => {
        const place = places[at]!;
        values[place.name] = answer.data as Texts;
        tensors[place.name] = numbered(place, placed(answer, place));
      });
    }
  }

  return {
    reset: engine.reset,
    run(feeds) {
      const tensors = { ...feeds } as Tensors;
      for (const place of inputs) tensors[place.name] = given(place, feeds[place.name]);
      prepare(feeds, tensors);
      const results: Values = engine.run(tensors);
      for (const { name, dtype } of outputs) {
        if (dtype !== "string") continue;
        results[name] = Array.from(results[name] as Int32Array, (number) => known[number]!);
      }
      return results;
    },
  };
}
