/**
 * Threads that share a model's work: one leads, the others help.
 *
 * Each has an instance of the module, and all have one memory. What they do there, the module
 * says; this is how they come together and part. Helpers stay in the module until they are
 * dismissed, so they hear no messages.
 */

import { nodeModule, type Exports } from "./engine";
import type { Port, WorkerPort } from "./remote";

/** By this name a script knows that it was started to help. */
export const HELPER = "edgesite-helper";

const MOST = 8;

// Words of the module's board, and the ticket that sends helpers home: targets/wasm/threads.py.
const TICKET = 64 / 4;
const PENDING = 128 / 4;
const MAY_SLEEP = 256 / 4;
const FAILED = 320 / 4;
const LAST = -256;

export interface Crew {
  readonly exports: Exports;
  /** Those that were found, the leader among them. */
  readonly threads: number;
  close(): void;
}

interface Errand {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly number: number;
}

export type Hire = () => WorkerPort | Promise<WorkerPort>;

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

async function hired(hire: Hire, errand: Errand): Promise<WorkerPort | undefined> {
  const helper = await hire();
  const ready = await new Promise<boolean>((done) => {
    helper.onmessage = () => done(true);
    helper.onerror = () => done(false);
    helper.postMessage(errand, []);
  });
  helper.unref?.();
  if (ready) return helper;
  helper.terminate();
  return undefined;
}

/**
 * @param pages of the model's memory, behind which each thread has some of its own
 * @param hire starts a worker with `help`
 */
export async function gather(
  code: Uint8Array<ArrayBuffer>, pages: number, own: number, wanted: number, hire: Hire,
): Promise<Crew> {
  const module = await WebAssembly.compile(code);
  const size = pages + own * wanted;
  const memory = new WebAssembly.Memory({ initial: size, maximum: size, shared: true });
  const board = new Int32Array(memory.buffer);
  board[MAY_SLEEP] = Number(maySleep(board));
  const numbers = Array.from({ length: wanted - 1 }, (_, at) => at + 1);
  const found = await Promise.all(
    numbers.map((number) => hired(hire, { module, memory, number }).catch(() => undefined)),
  );
  const helpers = found.filter((helper) => helper !== undefined);
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
  const close = (): void => {
    Atomics.store(board, TICKET, LAST);
    Atomics.notify(board, TICKET);
    for (const helper of helpers) helper.terminate();
  };
  return { exports: { ...exports, run }, threads: helpers.length + 1, close };
}

/** Be a helper. */
export function help(port: Port): void {
  port.onmessage = async ({ data }: { data: Errand }) => {
    const { module, memory, number } = data;
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    port.postMessage(null, []);
    try {
      (exports.help as (number: number) => void)(number);
    } catch {
      // Its part is not done, but nobody must wait for it.
      const board = new Int32Array(memory.buffer);
      Atomics.store(board, FAILED, 1);
      Atomics.sub(board, PENDING, 1);
      Atomics.notify(board, PENDING);
    }
  };
}
