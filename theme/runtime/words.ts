/**
 * The words of the interface, in the language of the page: those of `theme/words/` that a page's
 * scripts may need come with its data. English is the measure of what other languages must have.
 */

import type english from "../words/en.json";

export type Words = Omit<typeof english, "name" | "page">;

/** Nothing before `useWords`; each script of a page has a table of its own. */
export const words = {} as Words;

export const useWords = (given: Partial<Words>): void => void Object.assign(words, given);

/** A sentence with its gaps filled: "{done} of {total}". */
export const fill = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (_, name) => `${values[name]}`);
