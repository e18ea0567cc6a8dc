/** The list of demos, narrowed down by words and tags; both stand in the address behind #. */

import { fill } from "../runtime/words";
import { element, write } from "./elements";

const list = element("demos");
const form = element<HTMLFormElement>("find");
const found = element("found");
const nothing = element("nothing-found");
const input = form.elements.namedItem("q") as HTMLInputElement;
const tags = Array.from(form.querySelectorAll<HTMLButtonElement>("[data-tag]"));

const rows = Array.from(list.children, (row) => ({
  row: row as HTMLElement,
  text: row.textContent!.toLowerCase(),
  tags: Array.from(row.querySelectorAll(".tag"), (tag) => tag.textContent!),
}));

const pressed = (): string[] =>
  tags.filter((tag) => tag.ariaPressed === "true").map((tag) => tag.dataset["tag"]!);

function filter(): void {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = pressed();
  let shown = 0;
  for (const { row, text, tags } of rows) {
    const fits = words.every((word) => text.includes(word)) && wanted.every((tag) => tags.includes(tag));
    row.hidden = !fits;
    shown += Number(fits);
  }
  const isAll = !words.length && !wanted.length;
  nothing.hidden = shown > 0;
  write(found, isAll ? "" : fill(found.dataset["words"]!, { shown, total: rows.length }));
  const hash = new URLSearchParams([
    ...(input.value.trim() ? [["q", input.value.trim()]] : []), ...wanted.map((tag) => ["tag", tag]),
  ]);
  history.replaceState(null, "", isAll ? location.pathname + location.search : `#${hash}`);
}

function open(): void {
  const hash = new URLSearchParams(location.hash.slice(1));
  input.value = hash.get("q") ?? "";
  for (const tag of tags) tag.ariaPressed = `${hash.getAll("tag").includes(tag.dataset["tag"]!)}`;
  filter();
}

input.oninput = filter;
form.onsubmit = (event) => event.preventDefault();
form.onclick = ({ target }) => {
  const tag = (target as Element).closest<HTMLButtonElement>("[data-tag]");
  if (!tag) return;
  tag.ariaPressed = `${tag.ariaPressed !== "true"}`;
  filter();
};
nothing.querySelector("button")!.onclick = () => {
  history.replaceState(null, "", "#");
  open();
  input.focus();
};
window.onhashchange = open;
if (location.hash.length > 1) open();
