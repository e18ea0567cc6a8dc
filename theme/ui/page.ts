/** The script of a demo page: wires the ways to give a picture to the stage. */

import type { PageData } from "../runtime/page";
import { createPredictor } from "../runtime/predictor";
import { fill, useWords, words } from "../runtime/words";
import { showStatus } from "./answer";
import { enableCamera } from "./camera";
import { enableDrawing } from "./draw";
import { element } from "./elements";
import { kilobytes, thousands } from "./figures";
import { enableLink } from "./link";
import { enablePaste } from "./paste";
import { sharedWorker } from "./shared";
import { createStage, type Given, showPicture } from "./stage";
import { enableUpload } from "./upload";

const page = JSON.parse(element("edgesite-demo").textContent!) as PageData;
useWords(page.words);
const predictor = createPredictor(page, (loaded, total) => {
  showStatus(
    loaded < total
      ? fill(words.stage.loading_bytes, { loaded: thousands(loaded), total: kilobytes(total) })
      : words.stage.preparing,
  );
}, sharedWorker(page));
const stage = createStage(page, predictor);
const radios = element("stage").querySelectorAll<HTMLInputElement>("[name=example]");

const givens = page.examples.map((example, at): Given => ({
  built: example,
  hash: () => `example=${example.name}`,
  show() {
    showPicture(example.url, example.caption);
    radios[at]!.checked = true;
  },
  source: async () => (await fetch(example.url)).blob(),
}));

radios.forEach((radio, at) => { radio.onchange = () => void stage.give(givens[at]!); });
const giveLink = WITH_URL ? enableLink(stage) : undefined;
if (WITH_UPLOAD) enableUpload(page, stage, predictor, giveLink);
if (WITH_PASTE) enablePaste(stage, giveLink);
if (WITH_CAMERA) enableCamera(stage);
const openDrawing = WITH_DRAW ? enableDrawing(page, stage) : undefined;

predictor.ready.then(({ falsified }) => { element("falsified").hidden = !falsified; }, () => {});

if (parent !== window && page.frame) void import(new URL(page.frame, document.baseURI).href);

let tools: Promise<void> | undefined;

/** Load the tools when a visitor reaches for one; what was pressed before they came is pressed again. */
function reach({ target, type }: Event): void {
  const tool = (target as Element).closest<HTMLElement>("[data-tool]");
  if (!tool) return;
  const isFirst = !tools;
  const loaded = (tools ??= import(new URL(page.tools, document.baseURI).href).then(
    ({ enableTools }: typeof import("./tools")) => {
      enableTools(page, stage, predictor);
      for (const event of REACHES) document.removeEventListener(event, reach);
    },
  ));
  if (type === "click" && tool.matches("button")) void loaded.then(() => tool.click());
  else if (isFirst) loaded.catch(() => { tools = undefined; });
}

const REACHES = ["pointerover", "focusin", "click"] as const;
for (const event of REACHES) document.addEventListener(event, reach);

/** Put on the stage what the part of the address behind # says. @returns whether it says anything */
function openAddress(): boolean {
  const hash = new URLSearchParams(location.hash.slice(1));
  const given = givens[page.examples.findIndex(({ name }) => name === hash.get("example"))];
  if (given) void stage.give(given);
  return !!given || !!openDrawing?.(hash);
}

window.onhashchange = openAddress;
if (!openAddress() && givens[0]) void stage.give(givens[0]);
