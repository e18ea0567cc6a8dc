/** A picture from the clipboard: by keyboard anywhere on the page, or by button. */

import { words } from "../runtime/words";
import { element } from "./elements";
import { type Stage, complain, picture } from "./stage";

const isPicture = (type: string): boolean => type.startsWith("image/");

/** @param giveLink where the page takes addresses, what is done with a pasted one */
export function enablePaste(stage: Stage, giveLink?: (url: string) => void): void {
  const button = element("paste");
  if (!button) return;
  const give = (file: Blob): void => void stage.give(picture(file, words.paste.pasted));

  document.onpaste = (event) => {
    const target = event.target as Element;
    if (target.matches?.("input, textarea") || !event.clipboardData) return;
    const file = Array.from(event.clipboardData.files).find(({ type }) => isPicture(type));
    const text = event.clipboardData.getData("text/plain").trim();
    if (file) give(file);
    else if (/^https?:\S+$/.test(text)) giveLink?.(text);
    else return;
    event.preventDefault();
  };

  button.onclick = async () => {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find(isPicture);
        if (type) return give(await item.getType(type));
      }
      complain({ message: words.paste.nothing });
    } catch {
      complain({ message: words.paste.refused });
    }
  };
}
