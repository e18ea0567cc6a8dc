/** The script of a demo page: wires the ways to give a picture to the stage. */

import type { PageData } from "../runtime/page";
import { createPredictor } from "../runtime/predictor";
import { showStatus } from "./answer";
import { enableDrawing } from "./draw";
import { element } from "./elements";
import { kilobytes, thousands } from "./figures";
import { createStage, type Given, showPicture } from "./stage";
import { enableUpload } from "./upload";

const page = JSON.parse(element("edgesite-demo").textContent!) as PageData;
const predictor = createPredictor(page, (loaded, total) => {
  showStatus(
    loaded < total
      ? `Loading the model: ${thousands(loaded)} of ${kilobytes(total)}`
      : "Preparing the model",
  );
});
const stage = createStage(page, predictor);
const radios = element("stage").querySelectorAll<HTMLInputElement>("[name=example]");

const givens = page.examples.map((example, at): Given => ({
  built: example,
  show() {
    showPicture(example.url, example.caption);
    radios[at]!.checked = true;
  },
  source: async () => (await fetch(example.url)).blob(),
}));

radios.forEach((radio, at) => { radio.onchange = () => stage.give(givens[at]!); });
if (UPLOAD) enableUpload(stage);
if (DRAW) enableDrawing(page, stage);
if (givens[0]) stage.give(givens[0]);
