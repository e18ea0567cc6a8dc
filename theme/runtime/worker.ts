/** The worker of a demo page. */

import { start } from "./engine";
import type { Port } from "./remote";
import { serveSession } from "./session";

serveSession(globalThis as unknown as Port, ({ manifest, base }, onProgress, known) =>
  start(manifest, base, undefined, onProgress, known),
);
