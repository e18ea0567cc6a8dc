/** Pictures from the visitor's own files: by button, or dropped anywhere on the page. */

import type { PageData, Predictor } from "../runtime/page";
import { element } from "./elements";
import { type Stage, picture } from "./stage";
import { createStrip } from "./strip";

/** @param giveLink where the page takes addresses, what is done with one dropped on it */
export function enableUpload(
  page: PageData, stage: Stage, predictor: Predictor, giveLink?: (url: string) => void,
): void {
  const input = element<HTMLInputElement>("upload");
  if (!input) return;
  const answerAll = createStrip(page, stage, predictor);

  function give(files: readonly File[]): void {
    if (files.length > 1) answerAll(files);
    else if (files[0]) void stage.give(picture(files[0], files[0].name));
  }

  input.onchange = () => {
    give(Array.from(input.files!));
    // The same file may be chosen again.
    input.value = "";
  };

  const card = element("stage");
  const setDropping = (isOn: boolean): void => { card.classList.toggle("dropping", isOn); };
  const isWelcome = ({ types }: DataTransfer): boolean =>
    types.includes("Files") || (!!giveLink && types.includes("text/uri-list"));
  document.ondragover = (event) => {
    if (!event.dataTransfer || !isWelcome(event.dataTransfer)) return;
    event.preventDefault();
    setDropping(true);
  };
  // Null where the pointer leaves the window, and not just one element for the next.
  document.ondragleave = (event) => { if (!event.relatedTarget) setDropping(false); };
  document.ondrop = (event) => {
    const data = event.dataTransfer;
    if (!data || !isWelcome(data)) return;
    event.preventDefault();
    setDropping(false);
    if (data.files.length) give(Array.from(data.files));
    else giveLink?.(data.getData("text/uri-list").split("\n")[0]!);
  };
}
