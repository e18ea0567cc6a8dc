/** Inputs and outputs that are lists of tensors, which a module knows as tensors of their own. */

import type { Binding } from "./manifest";
import type { Values } from "./texts";

type Value = Values[string];

/** What callers give and get: values, and lists of them. */
export type Listed = Record<string, Value | Value[]>;

const element = (name: string, at: number): string => `${name}[${at}]`;

/** Every list as its elements: { x: [a, b] } as { "x[0]": a, "x[1]": b }. */
export function spread(values: Listed, bindings: readonly Binding[]): Values {
  const made: Listed = { ...values };
  for (const name of bindings.flatMap((binding) => Object.keys(binding.input_lists ?? {}))) {
    const list = made[name];
    if (!Array.isArray(list)) continue;
    delete made[name];
    list.forEach((one, at) => {
      made[element(name, at)] = one as Value;
    });
  }
  return made as Values;
}

/** The opposite: elements as the lists that they are of. */
export function gathered(values: Values, bindings: readonly Binding[]): Listed {
  const made: Listed = { ...values };
  for (const name of bindings.flatMap((binding) => Object.keys(binding.output_lists ?? {}))) {
    if (made[name]) continue;
    const list: Value[] = made[name] = [];
    for (let key; (key = element(name, list.length)) in made; delete made[key]) {
      list.push(made[key] as Value);
    }
  }
  return made;
}
