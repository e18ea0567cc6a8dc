/** The address of what is on the stage, an example or a drawing, and code that embeds the page. */

import type { PageData } from "../runtime/page";
import { enableCopy } from "./clipboard";
import { element } from "./elements";
import type { Stage } from "./stage";

/** What shows the demo as high as it is, in the colours of the page around it. */
function elementCode(script: string, address: string): string {
  const loading = document.createElement("script");
  loading.async = true;
  loading.src = script;
  const demo = document.createElement("edgesite-demo");
  demo.setAttribute("src", address);
  const way = document.createElement("a");
  way.href = address;
  way.textContent = document.querySelector("h1")!.textContent;
  demo.append(way);
  return `${loading.outerHTML}\n${demo.outerHTML}`;
}

export function enableShare({ inputs, embed: script }: PageData, stage: Stage): void {
  const details = element<HTMLDetailsElement>("share");
  const link = element<HTMLInputElement>("share-link");
  const embed = element<HTMLTextAreaElement>("share-embed");
  const framed = element<HTMLTextAreaElement>("share-frame");
  const here = location.href.split("#")[0]!;
  function show(): void {
    if (!details.open) return;
    const hash = stage.given()?.hash?.();
    link.value = here + (hash ? `#${hash}` : "");
    const frame = document.createElement("iframe");
    frame.src = link.value;
    frame.title = document.title;
    frame.loading = "lazy";
    frame.allow = inputs.includes("camera") ? "camera; clipboard-write" : "clipboard-write";
    frame.width = "100%";
    frame.height = "720";
    framed.value = frame.outerHTML;
    embed.value = script ? elementCode(new URL(script, here).href, link.value) : frame.outerHTML;
  }

  enableCopy(element("copy-link"), () => link.value);
  enableCopy(element("copy-embed"), () => embed.value);
  enableCopy(element("copy-frame"), () => framed.value);
  details.ontoggle = stage.onChange = show;
  show();
}
