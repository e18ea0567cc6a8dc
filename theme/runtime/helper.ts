/** The script of a page's threads, and of what brings them together: loaded where it is used. */

import type { Gather } from "./engine";
import type { Port, WorkerPort } from "./remote";
import { gather, help, HELPER, threadsHere } from "./threads";

/** Starts as many helpers as are of use; undefined where there cannot be any. */
export async function gatherer(): Promise<Gather | undefined> {
  const threads = await threadsHere("auto");
  const options = { type: "module", name: HELPER } as const;
  const hire = () => new Worker(import.meta.url, options) as WorkerPort;
  return threads > 1 ? (code, pages, own) => gather(code, pages, own, threads, hire) : undefined;
}

const scope = globalThis as unknown as Port & { name?: string };
if (scope.name === HELPER) help(scope);
