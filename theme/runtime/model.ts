/**
 * The model.js of a compiled model: load it, run it, in a page, a worker or Node.
 *
 * The compiler puts the manifest where its name stands. The file is its own worker.
 */

import { nodeModule, start, type Engine, type Tensors } from "./engine";
import type { Binding, DType, Manifest, Target } from "./manifest";
import type { Progress } from "./page";
import { connect, serve, type Port, type Remote, type WorkerPort } from "./remote";

declare const __EDGESITE_MANIFEST__: Manifest;
const manifest = __EDGESITE_MANIFEST__;
const url = import.meta.url;
const bindings: readonly Binding[] = [manifest, ...(manifest.bindings ?? [])];

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

interface Sides {
  inputs: TensorInfo[];
  outputs: TensorInfo[];
}

export interface Model {
  readonly info: Sides & {
    target: Target;
    worker: boolean;
    bindings: Sides[];
    bytes: { code: number; weights: number };
  };
  run(feeds: Tensors): Promise<Tensors>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

const CLOSED = "the model is closed; load it again";

const describe = (places: Binding["inputs"]): TensorInfo[] =>
  places.map(({ name, dtype, shape }) => ({ name, dtype, shape }));

const sidesOf = ({ inputs, outputs }: Binding): Sides =>
  ({ inputs: describe(inputs), outputs: describe(outputs) });

/** The place of the binding with inputs as long as those given; one binding says itself why not. */
function bindingOf(feeds: Tensors): number {
  const at = bindings.findIndex(({ inputs }) => inputs.every(
    ({ name, shape }) => feeds[name]?.length === shape.reduce((length, size) => length * size, 1),
  ));
  if (at >= 0 || bindings.length === 1) return Math.max(at, 0);
  const sizes = bindings.map(({ inputs }) =>
    inputs.map(({ name, shape }) => `${name} ${shape.join("x")}`).join(" and "));
  throw new TypeError(`inputs of a size that the model has not; give ${sizes.join(", or ")}`);
}

/** A model in this thread: an engine for each binding, made when it is first asked for. */
interface Session {
  readonly target: Target;
  run(feeds: Tensors): Tensors | Promise<Tensors>;
  reset(): void;
}

async function begin(target?: Target, onProgress?: Progress): Promise<Session> {
  const first = await start(manifest, url, target, onProgress);
  const made: Engine[] = [first];
  const making: Promise<Engine>[] = [];
  const make = async (at: number): Promise<Engine> =>
    made[at] = await start(
      { ...manifest, ...bindings[at]! }, url, first.target, undefined, first.weights,
    );
  return {
    target: first.target,
    // At once where it can be, for the caller may change the feeds afterwards.
    run(feeds) {
      const at = bindingOf(feeds);
      const engine = made[at];
      return engine ? engine.run(feeds) : (making[at] ??= make(at)).then((late) => late.run(feeds));
    },
    reset() {
      bindings.forEach((_, at) =>
        made[at] ? made[at].reset() : void making[at]?.then((late) => late.reset()));
    },
  };
}

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
  let session: Session | undefined;
  serve(port, async (message, note) => {
    if (!session) {
      session = await begin(message.target, (...progress) => note(progress));
      return [session.target, []];
    }
    if (!message) return [session.reset(), []];
    const results = await session.run(message);
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
  return { target: chosen, run, reset: () => remote.ask<void>(null), close };
}

async function loadHere(target: Target | undefined, onProgress: Progress | undefined) {
  let session: Session | undefined = await begin(target, onProgress);
  const opened = (): Session => {
    if (!session) throw new Error(CLOSED);
    return session;
  };
  const close = (): void => {
    session = undefined;
  };
  const run = (feeds: Tensors) => opened().run(feeds);
  return { target: session.target, run, reset: () => opened().reset(), close };
}

export async function load(options: LoadOptions = {}): Promise<Model> {
  const { worker = true, onProgress } = options;
  const { target, run, reset, close } =
    await (worker ? loadThere : loadHere)(options.target, onProgress);
  const info = {
    target,
    worker,
    ...sidesOf(manifest),
    bindings: bindings.map(sidesOf),
    bytes: { code: manifest.modules[target].size_bytes, weights: manifest.weights.size_bytes },
  };
  return {
    info,
    run: async (feeds = {}) => run(feeds),
    reset: async () => reset(),
    close: async () => close(),
  };
}

const scope = globalThis as unknown as Port & { name?: string; document?: unknown; process?: any };
if (scope.name === WORKER && !scope.document) {
  work(scope);
} else if (scope.process?.versions?.node) {
  void nodeModule("worker_threads").then(({ parentPort, workerData }) => {
    if (workerData === WORKER) work(parentPort);
  });
}
