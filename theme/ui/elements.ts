/** The elements that a template promises to the script. */

/** The element of this id, which the template always has. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Replace an element's text, unless it is the same: no work, and nothing for a screen reader. */
export function write(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
