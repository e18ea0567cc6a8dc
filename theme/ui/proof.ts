/** The build's comparison, repeated by the visitor: every example once more, in this browser. */

import type { ExampleData, PageData, Predictor } from "../runtime/page";
import { fill, words } from "../runtime/words";
import { best } from "./answer";
import { element, write } from "./elements";
import { scientific } from "./figures";

export function enableCheck({ examples, labels }: PageData, predictor: Predictor): void {
  const button = element<HTMLButtonElement>("check");
  if (!button) return;
  const result = element("check-result");
  const list = element<HTMLTableSectionElement>("check-rows");

  /** @returns whether the best class is the same, and the largest difference of those shown */
  async function compare({ url, caption, answers }: ExampleData): Promise<[boolean, number]> {
    const { values } = await predictor.predict(await (await fetch(url)).blob());
    const difference = Math.max(...answers.map(([index, share]) => Math.abs(values[index]! - share)));
    const top = best(values, 1)[0]![0];
    const row = list.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = labels[top]!;
    name.title = caption;
    row.append(name);
    row.insertCell().textContent = scientific(difference);
    return [top === answers[0]![0], difference];
  }

  button.onclick = async () => {
    button.disabled = true;
    list.replaceChildren();
    let same = 0, largest = 0;
    try {
      for (const [at, example] of examples.entries()) {
        write(result, fill(words.tools.checked, { done: at, total: examples.length }));
        const [isSame, difference] = await compare(example);
        same += Number(isSame);
        largest = Math.max(largest, difference);
      }
      const found = { same, total: examples.length, difference: scientific(largest) };
      write(result, fill(words.tools.check, found));
    } catch (error) {
      write(result, (error as Error).message);
    }
    button.disabled = false;
  };
}
