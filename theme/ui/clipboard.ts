/** Buttons that copy a text. */

import { element, write } from "./elements";

/** How long a button says that it has copied, in milliseconds. */
const PAUSE = 1500;

export function enableCopy(button: HTMLElement, text: () => string): void {
  const words = button.textContent!;
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text());
      write(button, "Copied");
      setTimeout(() => write(button, words), PAUSE);
    } catch {
      const message = element("message");
      message.hidden = false;
      write(message, "The browser does not let this page copy. Select the text instead.");
    }
  };
}
