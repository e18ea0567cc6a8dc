/** The script of a page's threads, and what starts them: loaded where there can be any. */

import { help, HELPER } from "./threads";
import type { Port } from "./remote";

export { gather, threadsHere } from "./threads";

const scope = globalThis as unknown as Port & { name?: string };
if (scope.name === HELPER) help(scope);
