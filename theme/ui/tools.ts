/**
 * What few visitors use, in a script of its own: it comes when a visitor reaches for one of them.
 */

import type { PageData, Predictor } from "../runtime/page";
import { useWords } from "../runtime/words";
import { enableCard } from "./card";
import { enableCopies } from "./copy";
import { enableCheck } from "./proof";
import { enableRepeat } from "./repeat";
import { enableShare } from "./share";
import type { Stage } from "./stage";
import { enableWhy } from "./why";

export function enableTools(page: PageData, stage: Stage, predictor: Predictor): void {
  useWords(page.words);
  enableCopies(page, stage);
  enableCard();
  enableRepeat(predictor);
  enableCheck(page, predictor);
  enableShare(page, stage);
  enableWhy(page, stage, predictor);
}
