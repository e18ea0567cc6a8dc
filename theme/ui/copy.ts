/** The answer on the stage as text for other programs: every class, best first. */

import type { PageData } from "../runtime/page";
import { enableCopy } from "./clipboard";
import { csv } from "./csv";
import { element } from "./elements";
import type { Stage } from "./stage";

export function enableCopies({ labels, manifest }: PageData, stage: Stage): void {
  const rows = (): [string, number][] =>
    stage.answers().map(([index, value]) => [labels[index]!, Number(value.toPrecision(7))]);

  enableCopy(element("copy-json"), () => {
    const answers = rows().map(([label, value]) => ({ label, value }));
    const picture = element("caption").textContent;
    return JSON.stringify({ picture, model: manifest.source.sha256, answers }, null, 2);
  });
  enableCopy(element("copy-csv"), () => csv([["label", "value"], ...rows()]));
}
