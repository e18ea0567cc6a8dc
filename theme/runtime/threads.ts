/**
 * Threads that share a model's work: one leads, the others help.
 *
 * Each has an instance of the module, and all have one memory. What they do there, the module
 * says; this is how they come together. Helpers stay in the module for good, so they hear no
 * messages, and what is to be known of them stands in the memory.
 */

import { nodeModule, pause, type Exports } from "./engine";
import type { Port, WorkerPort } from "./remote";

/** By this name a script knows that it was started to help. */
export const HELPER = "edgesite-helper";

const MOST = 8;

// Words of the module's board: targets/wasm/threads.py.
const PENDING = 128 / 4;
const MAY_SLEEP = 256 / 4;
// Words behind it: whether a thread has failed; helpers that have come, and those that never will.
const FAILED = 320 / 4;
const COME = 384 / 4;
const LOST = COME + 1;

/** How long a model waits for its helpers; those that come later help all the same. */
const PATIENCE_MS = 10_000;

export interface Crew {
  readonly exports: Exports;
  /** How many threads there are, the leader among them, once all have come or failed to. */
  readonly gathered: Promise<number>;
}

/** What a helper is told first. */
export interface Errand {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly number: number;
}

/**
 * Has a helper started. It is for a page to do so: a worker that starts one of its own waits, in
 * Firefox, until the page's thread has noted it, and at times is never told (Firefox 153).
 */
export type Hire = (errand: Errand) => void;

/** How many threads there can be here: as many as cores, or so many as are wanted. */
export async function threadsHere(wanted: number | "auto"): Promise<number> {
  const { crossOriginIsolated, navigator, SharedArrayBuffer } = globalThis as any;
  if (!SharedArrayBuffer || crossOriginIsolated === false || wanted === 1) return 1;
  if (wanted !== "auto") return Math.min(MOST, wanted);
  const cores = navigator?.hardwareConcurrency ?? (await nodeModule("os")).availableParallelism();
  return Math.min(MOST, cores);
}

function maySleep(board: Int32Array): boolean {
  try {
    Atomics.wait(board, MAY_SLEEP, 1, 0);
    return true;
  } catch {
    return false; // The thread of a page may not.
  }
}

const boardOf = ({ memory }: Pick<Errand, "memory">): Int32Array => new Int32Array(memory.buffer);

/** Have a worker that is being started help; it is one with `help`. */
export function employ(starting: Promise<WorkerPort>, errand: Errand): void {
  const lose = (): void => void Atomics.add(boardOf(errand), LOST, 1);
  starting.then((helper) => {
    helper.onerror = lose;
    helper.postMessage(errand, []);
    helper.unref?.();
  }).catch(lose);
}

async function gathered(board: Int32Array, expected: number): Promise<number> {
  const end = performance.now() + PATIENCE_MS;
  while (board[COME]! + board[LOST]! < expected && performance.now() < end) await pause(1);
  return 1 + board[COME]!;
}

/** @param pages of the model's memory, behind which each thread has some of its own */
export async function gather(
  code: Uint8Array<ArrayBuffer>, pages: number, own: number, wanted: number, hire: Hire,
): Promise<Crew> {
  const module = await WebAssembly.compile(code);
  const size = pages + own * wanted;
  const memory = new WebAssembly.Memory({ initial: size, maximum: size, shared: true });
  const board = boardOf({ memory });
  board[MAY_SLEEP] = Number(maySleep(board));
  for (let number = 1; number < wanted; number++) hire({ module, memory, number });
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  const exports = instance.exports as unknown as Exports;
  const run = (): void => {
    try {
      exports.run();
    } catch (error) {
      board[FAILED] = 1;
      throw error;
    }
    if (Atomics.load(board, FAILED)) throw new Error("a thread has failed; load the model again");
  };
  return { exports: { ...exports, run }, gathered: gathered(board, wanted - 1) };
}

/** Be a helper. */
export function help(port: Port): void {
  port.onmessage = async ({ data }: { data: Errand }) => {
    const { module, memory, number } = data;
    const board = boardOf(data);
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    Atomics.add(board, COME, 1);
    try {
      (exports.help as (number: number) => void)(number);
    } catch {
      // Its part is not done, but nobody must wait for it.
      Atomics.store(board, FAILED, 1);
      Atomics.sub(board, PENDING, 1);
      Atomics.notify(board, PENDING);
    }
  };
}
