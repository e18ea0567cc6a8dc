/** Several pictures at once: a row of them with their answers, and all of it as a table. */

import type { PageData, Predictor } from "../runtime/page";
import { fill, words as said } from "../runtime/words";
import { best } from "./answer";
import { csv } from "./csv";
import { download } from "./download";
import { element, write } from "./elements";
import { written } from "./figures";
import { type Given, type Stage, picture } from "./stage";

interface Row {
  readonly file: File;
  readonly given: Given;
  readonly button: HTMLButtonElement;
  readonly words: HTMLElement;
  values?: Float32Array;
}

/** What answers several files, one after the other, and shows the first one. */
export function createStrip(
  { labels }: PageData, stage: Stage, predictor: Predictor,
): (files: readonly File[]) => void {
  const strip = element("strip");
  const list = element("strip-list");
  const status = element("strip-status");
  let rows: Row[] = [];

  function add(file: File): Row {
    const given = picture(file, file.name);
    const button = document.createElement("button");
    const image = document.createElement("img");
    const words = document.createElement("span");
    button.type = "button";
    button.title = image.alt = file.name;
    image.loading = "lazy";
    image.src = URL.createObjectURL(file);
    words.textContent = "…";
    button.append(image, words);
    const row = { file, given, button, words };
    button.onclick = () => choose(row);
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
    return row;
  }

  function choose(chosen: Row): void {
    for (const { button } of rows) button.ariaCurrent = null;
    chosen.button.ariaCurrent = "true";
    void stage.give(chosen.given);
  }

  async function answer(row: Row): Promise<void> {
    try {
      row.values = (await predictor.predict(row.file)).values;
      const [index, value] = best(row.values, 1)[0]!;
      write(row.words, `${labels[index]} ${written(value, value >= 0 && value <= 1)}`);
    } catch (error) {
      write(row.words, said.upload.unread);
      row.button.title += `: ${(error as Error).message}`;
    }
  }

  function clear(): void {
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren();
    rows = [];
  }

  async function answerAll(files: readonly File[]): Promise<void> {
    clear();
    strip.hidden = false;
    const mine = (rows = files.map(add));
    choose(mine[0]!);
    for (const [at, row] of mine.entries()) {
      write(status, fill(said.upload.progress, { done: at, total: mine.length }));
      await answer(row);
      // Closed, or filled anew.
      if (rows !== mine) return;
    }
    write(status, fill(said.upload.done, { total: mine.length }));
  }

  element("strip-close").onclick = () => {
    clear();
    strip.hidden = true;
  };
  element("strip-csv").onclick = () => {
    const lines = rows.map(({ file, values }) => [
      file.name, values ? labels[best(values, 1)[0]![0]]! : "", ...(values ?? []),
    ]);
    download("answers.csv", csv([["file", "answer", ...labels], ...lines]));
  };
  return (files) => void answerAll(files);
}
