/** Pictures from the visitor's own files: by button, or dropped anywhere on the page. */

import { element } from "./elements";
import { type Stage, showPicture } from "./stage";

export function enableUpload(stage: Stage): void {
  const input = element<HTMLInputElement>("upload");
  if (!input) return;

  function give(files: FileList | null | undefined): void {
    const file = files?.[0];
    if (!file) return;
    stage.give({
      show: () => showPicture(URL.createObjectURL(file), file.name),
      source: () => file,
    });
  }

  input.onchange = () => {
    give(input.files);
    // The same file may be chosen again.
    input.value = "";
  };

  const card = element("stage");
  const setDropping = (isOn: boolean): void => { card.classList.toggle("dropping", isOn); };
  document.ondragover = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    setDropping(true);
  };
  // Null where the pointer leaves the window, and not just one element for the next.
  document.ondragleave = (event) => { if (!event.relatedTarget) setDropping(false); };
  document.ondrop = (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    setDropping(false);
    give(event.dataTransfer.files);
  };
}
