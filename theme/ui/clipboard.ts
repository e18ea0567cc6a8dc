/** Buttons that copy a text. */

import { words } from "../runtime/words";
import { element, write } from "./elements";

/** How long a button says that it has copied, in milliseconds. */
const PAUSE = 1500;

export function enableCopy(button: HTMLElement, text: () => string): void {
  const name = button.textContent!;
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text());
      write(button, words.tools.copied);
      setTimeout(() => write(button, name), PAUSE);
    } catch {
      const message = element("message");
      message.hidden = false;
      write(message, words.tools.not_copied);
    }
  };
}
