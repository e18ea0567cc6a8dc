/**
 * <edgesite-demo src="https://example.org/cifar10/">: a demo in a page of another author.
 *
 * The demo's own page stands in a frame, so that it works from any origin and under any policy that
 * allows the frame. It is loaded when it comes near, is as high as its content, and is light or
 * dark as its surroundings are, or as the attribute theme says. Frames share one worker.
 */

import type { Message } from "./frame";

type Theme = "light" | "dark";

/** How far outside of the window a demo is loaded, as a share of the window. */
const NEAR = "50%";
/** In pixels; no page is as high. */
const HIGHEST = 20_000;

const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: block; position: relative }
  slot { display: block; min-height: 24rem }
  iframe { display: block; width: 100%; border: 0; border-radius: 8px }
  slot ~ iframe { position: absolute; inset: 0; height: 100%; opacity: 0; pointer-events: none }
`);

const dark = matchMedia("(prefers-color-scheme: dark)");
const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;

/** Whether a colour in any notation is dark; undefined if it lets through what is behind it. */
function isDark(colour: string): boolean | undefined {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data as unknown as number[];
  if (alpha! < 128) return undefined;
  return red! * 0.299 + green! * 0.587 + blue! * 0.114 < 128;
}

const parentOf = (element: Element): Element | null =>
  element.parentElement ?? (element.getRootNode() as ShadowRoot).host ?? null;

/** What surrounds an element: the nearest background, else the scheme of the page. */
function around(element: Element): Theme {
  for (let at: Element | null = element; at; at = parentOf(at)) {
    const found = isDark(getComputedStyle(at).backgroundColor);
    if (found !== undefined) return found ? "dark" : "light";
  }
  const { colorScheme } = getComputedStyle(document.documentElement);
  const isAllowed = colorScheme.includes("dark");
  return isAllowed && (dark.matches || !colorScheme.includes("light")) ? "dark" : "light";
}

class Demo extends HTMLElement {
  static readonly observedAttributes = ["src", "theme"];
  readonly #root = this.attachShadow({ mode: "open" });
  #frame: HTMLIFrameElement | null = null;
  /** What the frame says that it wears; empty before the first word, null before it speaks. */
  #worn: string | null = null;

  connectedCallback(): void {
    this.#root.adoptedStyleSheets = [style];
    this.#root.replaceChildren(document.createElement("slot"));
    demos.add(this);
    near.observe(this);
    for (let at: Element | null = this; at; at = parentOf(at)) {
      changes.observe(at, { attributes: true });
    }
  }

  disconnectedCallback(): void {
    near.unobserve(this);
    demos.delete(this);
    this.#frame?.remove();
    this.#frame = this.#worn = null;
  }

  attributeChangedCallback(name: string): void {
    if (name === "theme") return this.wear();
    if (!this.#frame) return;
    this.disconnectedCallback();
    this.connectedCallback();
  }

  /** Put the demo's page in; what stands in the element stays until the page is there. */
  load(): void {
    near.unobserve(this);
    const url = new URL(this.getAttribute("src") ?? "", document.baseURI);
    if (!/^(https?|file):$/.test(url.protocol)) {
      return console.error(`<edgesite-demo>: src is ${url.href}; give the address of a demo`);
    }
    const frame = document.createElement("iframe");
    frame.src = url.href;
    frame.title = this.title || this.textContent!.trim() || url.pathname;
    frame.allow = "camera; clipboard-write";
    this.#frame = frame;
    this.#root.append(frame);
  }

  /** Take what a frame says of itself, if it is this element's. */
  hear(source: unknown, { height, theme }: NonNullable<Message["edgesite"]>): void {
    const frame = this.#frame;
    if (!frame || source !== frame.contentWindow) return;
    this.#worn = theme ?? "";
    // Before it wears a theme it is the whole page, and not the demo alone.
    if (theme && Number(height) > 0) {
      frame.style.height = `${Math.min(Number(height), HIGHEST)}px`;
      this.#root.querySelector("slot")?.remove();
    }
    this.wear();
  }

  /** Tell the frame what to wear, if it wears something else. */
  wear(): void {
    if (!this.#frame || this.#worn === null) return;
    const given = this.getAttribute("theme");
    const theme = given === "light" || given === "dark" ? given : around(this);
    if (theme === this.#worn) return;
    this.#frame.style.colorScheme = theme;
    const message: Message = { edgesite: { theme } };
    this.#frame.contentWindow!.postMessage(message, "*");
  }
}

const demos = new Set<Demo>();

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) (target as Demo).load();
  },
  { rootMargin: NEAR },
);

const wearAll = (): void => {
  for (const demo of demos) demo.wear();
};

/** Classes and styles of what is around a demo, and style sheets that come and go. */
const changes = new MutationObserver(wearAll);
changes.observe(document.head, { childList: true, characterData: true, subtree: true });
document.addEventListener("transitionend", wearAll);
dark.addEventListener("change", wearAll);

addEventListener("message", ({ source, data }: MessageEvent<Message | null>) => {
  if (data?.edgesite) for (const demo of demos) demo.hear(source, data.edgesite);
});

if (!customElements.get("edgesite-demo")) customElements.define("edgesite-demo", Demo);
