/** The worker of a demo page. */

import { start } from "./engine";
import type { Port } from "./remote";
import { serveSession, type Opened } from "./session";

const alone: Opened = ({ manifest, base }, _hire, onProgress, known) =>
  start(manifest, base, undefined, onProgress, known);

/** The model, whose work is shared with other threads where there can be any. */
const shared: Opened = async (setup, hire, onProgress, known) => {
  const { manifest, base, helper } = setup;
  try {
    if (!helper || !globalThis.crossOriginIsolated) throw new Error("no threads");
    const { gatherer } = await import(new URL(helper, base).href);
    return await start(manifest, base, undefined, onProgress, known, await gatherer(hire));
  } catch {
    return alone(setup, hire, onProgress, known);
  }
};

serveSession(globalThis as unknown as Port, WITH_THREADS ? shared : alone);
