/** Buttons that copy a text. */

import { write } from "./elements";
import { complain } from "./stage";

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
      complain({ message: "The browser does not let this page copy. Select the text instead." });
    }
  };
}
