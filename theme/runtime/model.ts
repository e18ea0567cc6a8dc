/**
 * The model.js of a compiled model: load it, run it, in a page, a worker or Node.
 *
 * The compiler puts the manifest where its name stands. The file is its own worker.
 */

import { nodeModule, start, type Engine, type Tensors } from "./engine";
import type { DType, Manifest, Target } from "./manifest";
import type { Progress } from "./page";
import { connect, serve, type Port, type Remote, type WorkerPort } from "./remote";

declare const __EDGESITE_MANIFEST__: Manifest;
const manifest = __EDGESITE_MANIFEST__;
const url = import.meta.url;

/** By this name the file knows that it was started as a worker by itself. */
const WORKER = "edgesite-model";

export interface LoadOptions {
  worker?: boolean;
  target?: Target;
  onProgress?: Progress;
}

interface TensorInfo {
  name: string;
  dtype: DType;
  shape: readonly number[];
}

export interface Model {
  readonly info: {
    target: Target;
    worker: boolean;
    inputs: TensorInfo[];
    outputs: TensorInfo[];
    bytes: { code: number; weights: number };
  };
  run(feeds: Tensors): Promise<Tensors>;
  close(): Promise<void>;
}

const CLOSED = "the model is closed; load it again";

const describe = (places: Manifest["inputs"]): TensorInfo[] =>
  places.map(({ name, dtype, shape }) => ({ name, dtype, shape }));

/** What can be given away of tensors, among which a caller's mistakes may be. */
const buffersOf = (tensors: Tensors): ArrayBuffer[] =>
  Object.values(tensors).flatMap((data) => (data?.buffer as ArrayBuffer | undefined) ?? []);

async function makeWorker(): Promise<WorkerPort> {
  if (globalThis.Worker) {
    const options = { type: "module", name: WORKER } as const;
    try {
      return new Worker(url, options) as WorkerPort;
    } catch {
      // Another origin's script may be imported, but not started.
      const script = new Blob([`import ${JSON.stringify(url)}`], { type: "text/javascript" });
      return new Worker(URL.createObjectURL(script), options) as WorkerPort;
    }
  }
  const { Worker: Thread } = await nodeModule("worker_threads");
  const thread = new Thread(new URL(url), { workerData: WORKER });
  thread.on("message", (data: unknown) => thread.onmessage({ data }));
  thread.on("error", (error: Error) => thread.onerror(error));
  return thread;
}

function work(port: Port): void {
  let engine: Engine | undefined;
  serve(port, async (message, note) => {
    if (!engine) {
      engine = await start(manifest, url, message.target, (...progress) => note(progress));
      return [engine.target, []];
    }
    const results = engine.run(message);
    return [results, buffersOf(results)];
  });
}

/** Copies that can be given away; a part of a large buffer would otherwise travel as all of it. */
function copied(feeds: Tensors): Tensors {
  const copies: Tensors = {};
  for (const [name, data] of Object.entries(feeds)) {
    // Not data.slice(): that of Node's Buffer does not copy.
    copies[name] = ArrayBuffer.isView(data) ? Int8Array.prototype.slice.call(data) : data;
  }
  return copies;
}

async function loadThere(target: Target | undefined, onProgress: Progress | undefined) {
  const remote: Remote = connect(
    await makeWorker(),
    ([loaded, total]) => onProgress?.(loaded, total),
    (reason) => `the worker stopped (${reason}); load({ worker: false }) does without one`,
  );
  const close = (): void => remote.close(CLOSED);
  const chosen = await remote.ask<Target>({ target }).catch((error) => {
    close();
    throw error;
  });
  const run = (feeds: Tensors): Promise<Tensors> => {
    const copies = copied(feeds);
    return remote.ask(copies, buffersOf(copies));
  };
  return { target: chosen, run, close };
}

async function loadHere(target: Target | undefined, onProgress: Progress | undefined) {
  let engine: Engine | undefined = await start(manifest, url, target, onProgress);
  const run = (feeds: Tensors): Tensors => {
    if (!engine) throw new Error(CLOSED);
    return engine.run(feeds);
  };
  const close = (): void => {
    engine = undefined;
  };
  return { target: engine.target, run, close };
}

export async function load(options: LoadOptions = {}): Promise<Model> {
  const { worker = true, onProgress } = options;
  const { target, run, close } = await (worker ? loadThere : loadHere)(options.target, onProgress);
  const info = {
    target,
    worker,
    inputs: describe(manifest.inputs),
    outputs: describe(manifest.outputs),
    bytes: { code: manifest.modules[target].size_bytes, weights: manifest.weights.size_bytes },
  };
  return { info, run: async (feeds = {}) => run(feeds), close: async () => close() };
}

const scope = globalThis as unknown as Port & { name?: string; document?: unknown; process?: any };
if (scope.name === WORKER && !scope.document) {
  work(scope);
} else if (scope.process?.versions?.node) {
  void nodeModule("worker_threads").then(({ parentPort, workerData }) => {
    if (workerData === WORKER) work(parentPort);
  });
}
