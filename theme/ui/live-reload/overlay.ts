/** What is wrong with the site, over the last good page. */

import { style } from "./style";

/** One problem; `serve_problems.py` makes it. */
export interface Problem {
  /** file:line:column, or less where less is known. */
  readonly where: string;
  readonly message: string;
  /** Lines of the file around the place, by number. */
  readonly excerpt: readonly (readonly [number: number, text: string])[];
  readonly line: number | null;
  /** The column in the excerpt. */
  readonly caret: number | null;
}

let overlay: HTMLElement | null = null;
let told = "[]";

/** Show the problems of now; none takes the overlay away. */
export function showProblems(problems: readonly Problem[]): void {
  const text = JSON.stringify(problems);
  if (text === told) return;
  told = text;
  overlay?.remove();
  overlay = problems.length ? made(problems) : null;
  if (overlay) document.body.append(overlay);
}

function made(problems: readonly Problem[]): HTMLElement {
  const host = document.createElement("edgesite-overlay");
  const root = host.attachShadow({ mode: "open" });
  // The page's policy forbids style elements, but not sheets made by a script of the site.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];

  const panel = add(root, "section", "");
  panel.setAttribute("role", "alert");
  const head = add(panel, "header", "");
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  add(head, "h2", `Not rebuilt: ${count}`);
  const hide = add(head, "button", "Hide");
  hide.onclick = () => { host.remove(); };
  add(panel, "p", "The page behind this is the last one that could be built.");
  for (const problem of problems) addProblem(panel, problem);
  return host;
}

function addProblem(panel: HTMLElement, problem: Problem): void {
  const article = add(panel, "article", "");
  if (problem.where) add(article, "code", problem.where);
  add(article, "p", problem.message);
  if (!problem.excerpt.length) return;
  const excerpt = add(article, "pre", "");
  const width = `${problem.excerpt.at(-1)![0]}`.length;
  for (const [number, text] of problem.excerpt) {
    const line = add(excerpt, number === problem.line ? "mark" : "span", "");
    add(line, "i", `${number}`.padStart(width));
    line.append(` ${text}\n`);
    if (number === problem.line && problem.caret) {
      add(excerpt, "b", `${" ".repeat(width + problem.caret)}^\n`);
    }
  }
}

function add<K extends keyof HTMLElementTagNameMap>(
  parent: Node, name: K, text: string,
): HTMLElementTagNameMap[K] {
  const child = document.createElement(name);
  child.textContent = text;
  parent.appendChild(child);
  return child;
}
