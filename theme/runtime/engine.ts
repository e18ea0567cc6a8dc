/// <reference path="./switches.d.ts" />
/**
 * A compiled model in this very thread: fetch, instantiate, warm up, run.
 *
 * Everything a run needs is made at load: typed arrays over the module's memory, which never
 * grows. A run copies its inputs in, calls the module, and copies the outputs out.
 */

import type { DType, Manifest, Target, TensorPlace } from "./manifest";
import type { Progress } from "./page";
import type { Crew } from "./threads";

const ARRAYS = {
  bfloat16: Uint16Array, float16: Uint16Array, float32: Float32Array, float64: Float64Array,
  int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  bool: Uint8Array, string: Int32Array,
} as const satisfies Readonly<Record<DType, unknown>>;

export type TypedArray = InstanceType<(typeof ARRAYS)[DType]>;
export type Tensors = Record<string, TypedArray>;

export interface Engine {
  readonly target: Target;
  /** Where the weights lie; a run leaves them alone. */
  readonly weights: Uint8Array;
  /** How many share the work; left out where there can be no others. */
  readonly threads?: number;
  /** Feeds that lie where they are read already: zeros, before the first run. */
  readonly own: Tensors;
  /** Inputs in ONNX's row-major layout; the outputs are fresh arrays. */
  run(feeds: Readonly<Tensors>): Tensors;
  /** Make the next run the first one again. */
  reset(): void;
}

/** The exports of a compiled module. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  /** Where weights are stored in other forms: what has arrived becomes what is computed with. */
  decode?(arrived: number): void;
  init(): void;
  warm(n: number): void;
  run(): void;
  /** Where there is state. */
  reset?(): void;
}

interface Port extends TensorPlace {
  readonly view: TypedArray;
  /** The size of every axis, or where it lies if it follows from the data. */
  readonly sizes: readonly (readonly [number | bigint])[];
}

// (module (func (param v128) (result v128)
//   local.get 0 local.get 0 local.get 0 f32x4.relaxed_madd))
const RELAXED_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 123, 1, 123, 3, 2, 1, 0,
  10, 13, 1, 11, 0, 32, 0, 32, 0, 32, 0, 253, 133, 2, 11,
];

/** Whether this engine accepts relaxed SIMD. */
export const hasRelaxedSimd = (): boolean =>
  WebAssembly.validate(new Uint8Array(RELAXED_PROBE));

export const pause = (ms?: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** What V8 optimises in a millisecond where it shares a core with others. */
const BYTES_PER_MS = 2000;

/** A file that is being read: in a page over the network, in Node from a disk. */
interface Reading {
  next(): Promise<Uint8Array | undefined>;
}

/** A computed name keeps bundlers from looking for Node's modules in a page. */
export const nodeModule = (name: string): Promise<any> => import(`node:${name}`);

function once(data: Uint8Array): Reading {
  const parts = [data];
  return { next: async () => parts.pop() };
}

async function open(url: URL): Promise<Reading> {
  if (url.protocol === "file:") return once(await (await nodeModule("fs/promises")).readFile(url));
  const response = await fetch(url).catch(() => {
    throw new Error("not reachable; check the connection and reload");
  });
  if (!response.ok) {
    throw new Error(`the server answers ${response.status}; publish all files of the model`);
  }
  const reader = response.body!.getReader();
  return { next: async () => (await reader.read()).value };
}

/**
 * Walk the module's functions so that the engine optimises them while weights arrive.
 *
 * Three short calls with a yield between. V8 and SpiderMonkey begin with the first, though with
 * small functions only later; JavaScriptCore begins with the third, blocks on longer calls, and is
 * slower after fewer. How long a call takes does not tell when all is done, so a rest follows.
 */
async function warmUp(exports: Exports, rest: number): Promise<void> {
  for (let calls = 3; calls--;) {
    exports.warm(20000);
    await pause();
  }
  await pause(rest);
}

export async function instantiate(code: Uint8Array<ArrayBuffer>, pages: number): Promise<Exports> {
  try {
    const { instance } = await WebAssembly.instantiate(code);
    return instance.exports as unknown as Exports;
  } catch (error) {
    throw WebAssembly.validate(code)
      ? new Error(`${(error as Error).message}; the model needs ${Math.ceil(pages / 16)} MB of memory`)
      : new Error("cannot be compiled here; use a browser of 2023 or newer");
  }
}

function portsOf(places: readonly TensorPlace[], memory: WebAssembly.Memory): Port[] {
  return places.map((place) => {
    const length = place.shape.reduce((product, size) => product * size, 1);
    const typed = ARRAYS[place.dtype] ?? Uint8Array;
    const sizes = place.shape.map((size, axis) => {
      const at = place.counts?.[axis];
      return at ? new BigInt64Array(memory.buffer, at, 1) as unknown as [bigint] : [size] as const;
    });
    return { ...place, sizes, view: new typed(memory.buffer, place.offset, length) };
  });
}

/** Instantiates the module for threads, in memory of so many pages and some for each thread. */
export type Gather = (code: Uint8Array<ArrayBuffer>, pages: number, own: number) => Promise<Crew>;

const kindOf = (data: unknown): string =>
  (data as TypedArray | undefined)?.[Symbol.toStringTag] ?? typeof data;

/** Copy an input in, or say what it should have been. */
function feed(port: Port, data: TypedArray | undefined): void {
  const { name, view, shape } = port;
  // Names, not constructors: an array of another realm is as good.
  if (kindOf(data) !== kindOf(view) || data!.length !== view.length) {
    const got = data?.length === undefined ? kindOf(data) : `${kindOf(data)} of ${data.length}`;
    const wanted = `${kindOf(view)} of ${view.length} (${shape.join("x") || "a scalar"})`;
    throw new TypeError(`input "${name}": got ${got}; give a ${wanted}`);
  }
  view.set(data as never);
}

function prepareRun(exports: Exports, manifest: Manifest): Pick<Engine, "own" | "run"> {
  const inputs = portsOf(manifest.inputs, exports.memory);
  const outputs = portsOf(manifest.outputs, exports.memory);
  const own = Object.fromEntries(inputs.map(({ name, view }) => [name, view]));
  const run: Engine["run"] = (feeds) => {
    for (const name in feeds) {
      if (name in own) continue;
      throw new TypeError(`input "${name}": unknown; the model has ${Object.keys(own).join(", ")}`);
    }
    for (const port of inputs) feed(port, feeds[port.name]);
    exports.run();
    const results: Tensors = {};
    for (const { name, sizes, view } of outputs) {
      results[name] = view.slice(0, sizes.reduce((n, [size]) => n * Number(size), 1));
    }
    return results;
  };
  // What runs for the first time is slow, scripts as well: better now, on zeros, than later.
  if (manifest.brief) run(own);
  return { own, run };
}

/**
 * @param base the folder of the model's files
 * @param wanted the module to run; by default the fastest that this engine accepts
 * @param known the weights, where another binding of the model has them already
 * @param gather how to have threads, where there can be several
 */
export async function start(
  manifest: Manifest, base: URL | string, wanted?: Target, onProgress?: Progress,
  known?: Uint8Array, gather?: Gather,
): Promise<Engine> {
  if (!globalThis.WebAssembly) throw new Error("WebAssembly is switched off here; allow it");
  const relaxed = hasRelaxedSimd();
  const target = wanted ?? (relaxed ? "relaxed" : "simd");
  const { modules, weights, memory_pages, threads } = manifest;
  const shared = WITH_THREADS && gather ? threads : null;
  const code = (WITH_THREADS && shared ? shared.modules : modules)[target];
  if (!code) throw new Error(`target "${target}": unknown; give "simd" or "relaxed"`);
  let loaded = 0;

  /** Read a file whole; its size, unlike Content-Length, is what it is after decompression. */
  const fill = async (
    reading: Reading, size: number, place: Uint8Array, decode?: Exports["decode"],
  ): Promise<void> => {
    let at = 0;
    for (let part; (part = await reading.next());) {
      if (at + part.length <= size) {
        place.set(part, at);
        decode?.(at + part.length);
      }
      at += part.length;
      loaded += part.length;
      onProgress?.(loaded, code.size_bytes + weights.size_bytes);
    }
    if (at !== size) throw new Error(`${at} bytes instead of ${size}; reload, or build it anew`);
  };
  const named = <T>(file: string, doing: Promise<T>): Promise<T> =>
    doing.catch((error) => {
      throw new Error(`${file}: ${error.message}`);
    });

  const [codeFile, weightsFile] = await Promise.all([
    named(code.file, open(new URL(code.file, base))),
    known ? once(known) : named(weights.file, open(new URL(weights.file, base))),
  ]);
  const bytes = new Uint8Array(code.size_bytes);
  await named(code.file, fill(codeFile, code.size_bytes, bytes));
  const crew = WITH_THREADS && shared ? await gather!(bytes, memory_pages, shared.pages) : null;
  const exports = WITH_THREADS && crew
    ? crew.exports
    : await named(code.file, instantiate(bytes, memory_pages));

  const view = ({ offset, size_bytes }: Pick<TensorPlace, "offset" | "size_bytes">) =>
    new Uint8Array(exports.memory.buffer as ArrayBuffer, offset, size_bytes);
  const whole = view(weights.decoded ?? weights);
  const place = known ? whole : view(weights);
  let arrived = false;
  const decode = known ? undefined : exports.decode;
  const arriving = named(weights.file, fill(weightsFile, place.length, place, decode)).then(() => {
    arrived = true;
  });
  // Warming pays while it hides behind a download. Without one it still pays in the engines that
  // have relaxed SIMD, but in JavaScriptCore the first run would wait for it.
  const warming = pause().then(() =>
    relaxed || !arrived ? warmUp(exports, relaxed ? bytes.length / BYTES_PER_MS : 0) : undefined);
  await Promise.all([arriving, warming]);
  exports.init();
  // What the browser has left to do about the files would otherwise delay the first run.
  await pause();
  const reset = (): void => exports.reset?.();
  const prepared = prepareRun(exports, manifest);
  reset();
  const engine = { target, weights: whole, ...prepared, reset };
  return WITH_THREADS ? { ...engine, threads: (await crew?.gathered) ?? 1 } : engine;
}
