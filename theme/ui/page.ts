/** The script of a demo page: wires the ways to give a picture to the stage. */

import type { PageData } from "../runtime/page";
import { createPredictor } from "../runtime/predictor";
import { showStatus } from "./answer";
import { enableCamera } from "./camera";
import { enableCopies } from "./copy";
import { enableDrawing } from "./draw";
import { element } from "./elements";
import { enableRepeat } from "./facts";
import { kilobytes, thousands } from "./figures";
import { enableLink } from "./link";
import { enablePaste } from "./paste";
import { enableCheck } from "./proof";
import { enableShare } from "./share";
import { createStage, type Given, showPicture } from "./stage";
import { enableUpload } from "./upload";
import { enableWhy } from "./why";

const page = JSON.parse(element("edgesite-demo").textContent!) as PageData;
const predictor = createPredictor(page, (loaded, total) => {
  showStatus(
    loaded < total
      ? `Loading the model: ${thousands(loaded)} of ${kilobytes(total)}`
      : "Preparing the model",
  );
});
const stage = createStage(page, predictor, enableWhy(page, predictor));
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
enableCopies(page, stage);
enableRepeat(predictor);
enableCheck(page, predictor);
const giveLink = WITH_URL ? enableLink(stage) : undefined;
if (WITH_UPLOAD) enableUpload(page, stage, predictor, giveLink);
if (WITH_PASTE) enablePaste(stage, giveLink);
if (WITH_CAMERA) enableCamera(stage);
const openDrawing = WITH_DRAW ? enableDrawing(page, stage) : undefined;

enableShare(page, stage);

/** Put on the stage what the part of the address behind # says. @returns whether it says anything */
function openAddress(): boolean {
  const hash = new URLSearchParams(location.hash.slice(1));
  const given = givens[page.examples.findIndex(({ name }) => name === hash.get("example"))];
  if (given) void stage.give(given);
  return !!given || !!openDrawing?.(hash);
}

window.onhashchange = openAddress;
if (!openAddress() && givens[0]) void stage.give(givens[0]);
