/** The address of what is on the stage, an example or a drawing, and code that embeds the page. */

import type { PageData } from "../runtime/page";
import { enableCopy } from "./clipboard";
import { element } from "./elements";
import type { Stage } from "./stage";

export function enableShare({ inputs }: PageData, stage: Stage): void {
  const details = element<HTMLDetailsElement>("share");
  const link = element<HTMLInputElement>("share-link");
  const embed = element<HTMLTextAreaElement>("share-embed");
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
    embed.value = frame.outerHTML;
  }

  enableCopy(element("copy-link"), () => link.value);
  enableCopy(element("copy-embed"), () => embed.value);
  details.ontoggle = stage.onChange = show;
  show();
}
