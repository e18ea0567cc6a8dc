/**
 * The page of `edgesite bench`: loads one engine with one model, times it, checks its answer.
 *
 * What it finds is the outcome that it posts, which generator/edgesite/bench/visit.py waits for.
 * An input is copied into the engine and the output out of it within the time of a run, as any
 * page has to do; what does not depend on the input may be prepared while loading.
 */

import { at, bytesOf, jsonOf, report } from "./report";

interface Place {
  name: string;
  dtype: string;
  shape: number[];
}

interface Task {
  /** The module that opens an engine, beside this page. */
  engine: "edgesite" | "ort-web";
  inputs: Place[];
  outputs: Place[];
  /** How long to run before the clock counts, and with it. */
  warm_ms: number;
  timed_ms: number;
  /** Only the first prediction is of interest. */
  cold: boolean;
}

type Numbers = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;
type Feeds = Record<string, Numbers>;

interface Opened {
  run(feeds: Feeds): Promise<Feeds> | Feeds;
}

const ARRAYS: Record<string, new (data: ArrayBuffer) => ArrayBufferView> = {
  float16: Uint16Array, float32: Float32Array, float64: Float64Array,
  int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  bool: Uint8Array,
};

/** Every memory that WebAssembly modules of this page own or are given. */
const memories = new Set<WebAssembly.Memory>();

function noteMemories(): void {
  const { instantiate, instantiateStreaming, Memory } = WebAssembly;
  const noted = (result: any): any => {
    const instance: WebAssembly.Instance = result.instance ?? result;
    for (const value of Object.values(instance.exports)) {
      if (value instanceof Memory) memories.add(value);
    }
    return result;
  };
  Object.assign(WebAssembly, {
    instantiate: async (...given: [any, any]) => noted(await instantiate(...given)),
    instantiateStreaming: async (...given: [any, any]) =>
      noted(await instantiateStreaming(...given)),
    Memory: new Proxy(Memory, {
      construct(target, given) {
        const memory = new target(...(given as [WebAssembly.MemoryDescriptor]));
        memories.add(memory);
        return memory;
      },
    }),
  });
}

const ENGINES: Record<Task["engine"], (task: Task) => Promise<Opened>> = {
  async edgesite() {
    const { load } = await import(at("model/model.js"));
    return load({ worker: false });
  },
  async "ort-web"(task) {
    const ort = await import(at("peer/ort.wasm.bundle.min.mjs"));
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = at("peer/");
    const session = await ort.InferenceSession.create(at("model.onnx"));
    return {
      async run(feeds) {
        const tensors: Record<string, unknown> = {};
        for (const { name, dtype, shape } of task.inputs) {
          tensors[name] = new ort.Tensor(dtype, feeds[name], shape);
        }
        const results = await session.run(tensors);
        const found: Feeds = {};
        for (const { name } of task.outputs) found[name] = results[name].data;
        return found;
      },
    };
  },
};

async function arrays(folder: string, places: readonly Place[]): Promise<Feeds> {
  const found: Feeds = {};
  for (const [index, { name, dtype }] of places.entries()) {
    const data = await bytesOf(`${folder}/${index}.bin`);
    found[name] = new ARRAYS[dtype]!(data) as Numbers;
  }
  return found;
}

/** |found - wanted| / |wanted|, Euclidean, over all elements of one output. */
function relativeError(found: Numbers, wanted: Numbers): number {
  if (found.length !== wanted.length) return Infinity;
  let apart = 0;
  let length = 0;
  for (let index = 0; index < wanted.length; index += 1) {
    const value = Number(wanted[index]);
    apart += (Number(found[index]) - value) ** 2;
    length += value ** 2;
  }
  return Math.sqrt(apart / (length || 1));
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;

/** Clocks count in steps of up to 20 microseconds: what takes less than 25 is timed in a row. */
const SHORTEST_MS = 0.5;

/** Milliseconds a run, each entry the mean over as many runs as the clock can tell apart. */
async function runFor(
  milliseconds: number,
  least: number,
  inRow: number,
  run: () => unknown,
): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  while (times.length < least || performance.now() < end) {
    const begin = performance.now();
    for (let index = 0; index < inRow; index += 1) await run();
    times.push((performance.now() - begin) / inRow);
  }
  return times;
}

async function measure(): Promise<object> {
  noteMemories();
  const task = await jsonOf<Task>("task.json");
  const feeds = await arrays("input", task.inputs);
  const begin = performance.now();
  const opened = await ENGINES[task.engine](task);
  const loaded = performance.now();
  await opened.run(feeds);
  const answered = performance.now();
  const first = { load_ms: loaded - begin, first_ms: answered - loaded, cold_ms: answered };
  if (task.cold) return first;
  const warm = Date.now();
  const { length } = await runFor(task.warm_ms, 10, 1, () => opened.run(feeds));
  const inRow = Math.ceil((SHORTEST_MS * length) / (Date.now() - warm + 1));
  const times = await runFor(task.timed_ms, 30, inRow, () => opened.run(feeds));
  times.sort((one, other) => one - other);
  const results = await opened.run(feeds);
  const wanted = await arrays("output", task.outputs);
  const errors = task.outputs.map(({ name }) => relativeError(results[name]!, wanted[name]!));
  return {
    ...first,
    median_ms: quantile(times, 0.5),
    p90_ms: quantile(times, 0.9),
    best_ms: times[0],
    runs: times.length * inRow,
    memory_bytes: [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
    relative_error: Math.max(...errors),
  };
}

void report(measure());
