/**
 * Which picture is on the stage, and which answer belongs to it.
 *
 * Pictures may come faster than answers: the latest one wins, what is between is skipped. A
 * picture that cannot be read gives way to the one before it, with its answer.
 */

import type { Answer, PageData, Prediction, Predictor, Source } from "../runtime/page";
import { announce, best, showAnswers, showSeen, showState } from "./answer";
import { element, write } from "./elements";
import { showTimes } from "./facts";
import { milliseconds } from "./figures";

/** Something given by the visitor or the page; a drawing is given again with every line. */
export interface Given {
  /** Put it on the stage. */
  show(): void;
  /** What the model gets; read when its turn comes. */
  source(): Source | Promise<Source>;
  /** What the build knows about it. */
  readonly built?: { readonly answers: readonly Answer[]; readonly seen: string };
}

export interface Stage {
  give(given: Given): void;
  /** Nothing is given: an empty drawing. The words take the place of the answer. */
  clear(words: string): void;
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

/** Choose what the frame shows, the picture or the canvas of a drawing; no example is chosen. */
export function showMode(mode: "picture" | "drawing", words: string): void {
  stage.dataset["mode"] = mode;
  write(caption, words);
  const chosen = stage.querySelector<HTMLInputElement>(":checked");
  if (chosen) chosen.checked = false;
}

export function showPicture(url: string, words: string): void {
  showMode("picture", words);
  image.hidden = false;
  image.alt = words;
  if (image.getAttribute("src") !== url) image.src = url;
}

/** Say what cannot be done, over the picture. */
export function complain(error: Error): void {
  message.hidden = false;
  write(message, error.message);
}

export function createStage(page: PageData, predictor: Predictor): Stage {
  let isLoaded = false;
  let isBusy = false;
  /** What is on the stage, and what has been on it last with an answer. */
  let current: Given | null = null;
  let answered: { given: Given; prediction?: Prediction } | null = null;
  let isWaiting = false;
  let invitation = "No picture yet";

  predictor.ready.then(() => {
    isLoaded = true;
    if (!current) showState("empty", invitation);
    else if (!current.built) showState("running");
  }, complain);

  function give(given: Given): void {
    message.hidden = true;
    current = given;
    isWaiting = true;
    if (given.built) {
      show({ given });
    } else {
      given.show();
      showState(isLoaded ? "running" : "loading", isLoaded ? undefined : "Loading the model");
    }
    if (!isBusy) void work();
  }

  async function work(): Promise<void> {
    isBusy = true;
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
    isBusy = false;
  }

  /** Show something with its answer: live, or until then the one that the build computed. */
  function show(answer: { given: Given; prediction?: Prediction }): void {
    const { given, prediction } = answer;
    if (given !== current || !prediction) given.show();
    current = given;
    answered = answer;
    if (prediction) {
      const { values, seen, ms, target } = prediction;
      showAnswers(best(values, page.top), page);
      showSeen(seen);
      showTimes(page, ms, target);
      showState("live", `Computed here in ${milliseconds(ms.decode + ms.prepare + ms.run)}`);
      if (!isWaiting) announce();
    } else if (given.built) {
      showAnswers(given.built.answers, page);
      showSeen(given.built.seen);
      // What is written while the model loads is how far it is.
      showState("built", isLoaded ? "Computed when this page was built" : undefined);
    }
  }

  function fail(given: Given, error: Error): void {
    complain(error);
    if (given.built) return;
    if (answered) return show(answered);
    current = null;
    image.hidden = true;
    showMode("picture", opening);
    showState("empty", invitation);
  }

  function clear(words: string): void {
    message.hidden = true;
    current = null;
    isWaiting = false;
    showAnswers([], page);
    showSeen(null);
    invitation = words;
    showState("empty", words);
  }

  return { give, clear };
}
