/**
 * Which picture is on the stage, and which answer belongs to it.
 *
 * Pictures may come faster than answers: the latest one wins, what is between is skipped. A
 * picture that cannot be read gives way to the one before it, with its answer.
 */

import type { Answer, PageData, Prediction, Predictor, Source } from "../runtime/page";
import { fill, words as said } from "../runtime/words";
import { announce, best, showAnswers, showSeen, showState, showStatistics } from "./answer";
import { element, write } from "./elements";
import { showTimes } from "./facts";
import { milliseconds } from "./figures";

/** Something given by the visitor or the page; a drawing is given again with every line. */
export interface Given {
  /** Put it on the stage. */
  show(): void;
  /** What the model gets; read when its turn comes. */
  source(): Source | Promise<Source>;
  /** What leads to it in an address. */
  hash?(): string;
  /** What the build knows about it. */
  readonly built?: { readonly answers: readonly Answer[]; readonly seen: string };
  /** Moving pictures: the line above the bars, for an answer that took so many milliseconds. */
  pace?(ms: number): string;
  /** Something else takes its place on the stage. */
  leave?(): void;
}

export interface Stage {
  /** Settles when no picture waits for its answer. */
  give(given: Given): Promise<void>;
  /** Nothing is given: an empty drawing. The words take the place of the answer. */
  clear(words: string): void;
  /** What is known about the picture on the stage: every class, or those of the build. */
  answers(): readonly Answer[];
  /** What is on the stage with the answer that this browser has computed; null without one. */
  latest(): { readonly given: Given; readonly prediction: Prediction } | null;
  /** What is on the stage. */
  given(): Given | null;
  /** Hears of every picture that comes on the stage. */
  onChange?: (given: Given) => void;
  /** Hears of every answer that this browser has computed. */
  onAnswer?: () => void;
}

const stage = element("stage");
const message = element("message");
const caption = element("caption");
const image = element<HTMLImageElement>("shown");
/** What is written under an empty frame. */
const opening = caption.textContent!;

image.onload = () => {
  image.classList.toggle("crisp", image.naturalWidth < 128);
  URL.revokeObjectURL(image.src);
};
image.onerror = () => { image.hidden = true; };

export type Mode = "picture" | "drawing" | "camera";

/** Choose what the frame shows; no example is chosen. */
export function showMode(mode: Mode, words: string): void {
  stage.dataset["mode"] = mode;
  write(caption, words);
  const chosen = stage.querySelector<HTMLInputElement>(":checked");
  if (chosen) chosen.checked = false;
}

export function showPicture(url: string, words: string): void {
  showMode("picture", words);
  image.hidden = false;
  image.alt = words;
  if (image.getAttribute("src") === url) return;
  for (const source of image.parentElement!.querySelectorAll("source")) source.remove();
  image.src = url;
}

/** A picture from the visitor, under its name. */
export const picture = (file: Blob, name: string): Given => ({
  show: () => showPicture(URL.createObjectURL(file), name),
  source: () => file,
});

/** Say what cannot be done, over the picture. */
export function complain({ message: words }: { readonly message: string }): void {
  message.hidden = false;
  write(message, words);
}

export function createStage(page: PageData, predictor: Predictor): Stage {
  let isLoaded = false;
  /** Pending as long as the model has something to do. */
  let working: Promise<void> | null = null;
  /** What is on the stage, and what has been on it last with an answer. */
  let current: Given | null = null;
  let answered: { given: Given; prediction?: Prediction } | null = null;
  let isWaiting = false;
  let invitation = said.stage.no_picture;

  predictor.ready.then(() => {
    isLoaded = true;
    if (!current) showState("empty", invitation);
    else if (!current.built) showState("running");
  }, complain);

  function change(given: Given | null): void {
    if (given !== current) current?.leave?.();
    current = given;
  }

  const self: Stage = { give, clear, answers, latest, given: () => current };

  function give(given: Given): Promise<void> {
    message.hidden = true;
    change(given);
    self.onChange?.(given);
    isWaiting = true;
    if (given.built) {
      show({ given });
    } else {
      given.show();
      // A moving picture that has been answered is not dimmed with every frame.
      if (given === answered?.given && given.pace) return (working ??= work());
      showState(isLoaded ? "running" : "loading", isLoaded ? undefined : said.stage.loading);
    }
    return (working ??= work());
  }

  async function work(): Promise<void> {
    while (current && isWaiting) {
      const given: Given = current;
      isWaiting = false;
      try {
        const prediction = await predictor.predict(await given.source());
        if (given === current) show({ given, prediction });
      } catch (error) {
        if (given === current) fail(given, error as Error);
      }
    }
    working = null;
  }

  /** Show something with its answer: live, or until then the one that the build computed. */
  function show(answer: { given: Given; prediction?: Prediction }): void {
    const { given, prediction } = answer;
    if (given !== current || !prediction) given.show();
    change(given);
    answered = answer;
    if (prediction) {
      const { values, seen, statistics, ms } = prediction;
      const total = ms.decode + ms.prepare + ms.run;
      const answers = best(values, page.top);
      const begin = performance.now();
      showAnswers(answers, page);
      showSeen(seen);
      showStatistics(statistics);
      showTimes(page, prediction, performance.now() - begin);
      self.onAnswer?.();
      showState("live", given.pace?.(total) ?? fill(said.stage.live, { time: milliseconds(total) }));
      if (!isWaiting) announce(!!given.pace);
    } else if (given.built) {
      showAnswers(given.built.answers, page);
      showSeen(given.built.seen);
      showStatistics(null);
      // What is written while the model loads is how far it is.
      showState("built", isLoaded ? said.stage.built : undefined);
    }
  }

  function fail(given: Given, error: Error): void {
    complain(error);
    if (given.built) return;
    if (answered && answered.given !== given) return show(answered);
    change(null);
    image.hidden = true;
    showMode("picture", opening);
    showState("empty", invitation);
  }

  function clear(words: string): void {
    message.hidden = true;
    change(null);
    isWaiting = false;
    showAnswers([], page);
    showSeen(null);
    showStatistics(null);
    invitation = words;
    showState("empty", words);
  }

  function answers(): readonly Answer[] {
    if (!current || current !== answered?.given) return [];
    const { given, prediction } = answered;
    return prediction ? best(prediction.values, page.labels.length) : given.built!.answers;
  }

  function latest(): { given: Given; prediction: Prediction } | null {
    const prediction = current === answered?.given && answered?.prediction;
    return current && prediction ? { given: current, prediction } : null;
  }

  return self;
}
