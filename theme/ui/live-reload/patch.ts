/** Bring a page from one form of its source to another without loading it anew. */

/** What scripts hold on to or have changed; where these differ, a page must be loaded anew. */
const HELD = "script, .stage, .facts";

/** The page as it was sent: taken before any other script runs, or from a parsed answer. */
export function snapshot(page: Element): Element {
  const copy = page.cloneNode(true) as Element;
  // Text in a document with scripts, elements in one without.
  for (const part of copy.querySelectorAll("noscript")) part.textContent = "";
  return copy;
}

/** Do to `live` what makes `after` of `before`, all of it or, if that cannot be, nothing. */
export function patch(live: Node, before: Node, after: Node): boolean {
  const steps: (() => void)[] = [];
  const isPossible = compare(live, before, after, steps);
  if (isPossible) for (const step of steps) step();
  return isPossible;
}

function compare(live: Node, before: Node, after: Node, steps: (() => void)[]): boolean {
  if (before.isEqualNode(after)) return true;
  if (!(before instanceof Element && after instanceof Element && live instanceof Element)) {
    return replace(live, before, after, steps);
  }
  if (before.nodeName !== after.nodeName) return replace(live, before, after, steps);
  if (before.matches(HELD)) return false;
  steps.push(() => copyAttributes(live, before, after));
  const [now, old, next] = [children(live), children(before), children(after)];
  if (now.length === old.length && old.length === next.length) {
    return old.every((child, at) => compare(now[at]!, child, next[at]!, steps));
  }
  if (isHolding(before) || isHolding(after)) return false;
  steps.push(() => live.replaceChildren(...next.map((child) => document.importNode(child, true))));
  return true;
}

function replace(live: Node, before: Node, after: Node, steps: (() => void)[]): boolean {
  if (isHolding(before) || isHolding(after)) return false;
  steps.push(() => live.parentNode!.replaceChild(document.importNode(after, true), live));
  return true;
}

function isHolding(node: Node): boolean {
  return node instanceof Element && (node.matches(HELD) || node.querySelector(HELD) !== null);
}

/** The nodes that the server sent: without the overlay. */
function children(node: Node): Node[] {
  return Array.from(node.childNodes).filter((child) => child.nodeName !== "EDGESITE-OVERLAY");
}

/** A style sheet whose address changes stays in force until the new one is there. */
function copyAttributes(live: Element, before: Element, after: Element): void {
  for (const { name } of Array.from(before.attributes)) {
    if (!after.hasAttribute(name)) live.removeAttribute(name);
  }
  for (const { name, value } of Array.from(after.attributes)) {
    if (before.getAttribute(name) !== value) live.setAttribute(name, value);
  }
}
