/** The script of a page's threads, and of what brings them together: loaded where it is used. */

import type { Gather } from "./engine";
import type { Port, WorkerPort } from "./remote";
import { employ, gather, help, HELPER, threadsHere, type Hire } from "./threads";

/** For a page: starts a helper, which ends with it. */
export const hire: Hire = (errand) => {
  const start = async () => new Worker(import.meta.url, { type: "module", name: HELPER });
  employ(start() as Promise<WorkerPort>, errand);
};

/** For its worker: brings as many threads together as are of use; undefined where there is but one. */
export async function gatherer(hire: Hire): Promise<Gather | undefined> {
  const threads = await threadsHere("auto");
  return threads > 1 ? (code, pages, own) => gather(code, pages, own, threads, hire) : undefined;
}

const scope = globalThis as unknown as Port & { name?: string; document?: unknown };
if (scope.name === HELPER && !scope.document) help(scope);
