/**
 * The model.js of a compiled model: load it, run it, in a page, a worker or Node.
 *
 * The compiler puts the manifest where its name stands. The file is its own worker.
 */

import { picture } from "../words/en.json";
import { createClassifier, ranked, type Answer } from "./classify";
import { pictureOf } from "./decode";
import { nodeModule, pause, start, type Engine, type Gather } from "./engine";
import { gathered, spread, type Listed } from "./lists";
import type { Binding, DType, Manifest, Target } from "./manifest";
import type { Progress, Source } from "./page";
import { connect, serve, type Port, type Remote, type WorkerPort } from "./remote";
import { readable, sourceOf } from "./sources";
import { allInputs, withTexts, type TextEngine, type Values } from "./texts";
import { employ, gather, help, HELPER, threadsHere, type Errand, type Hire } from "./threads";
import { useWords } from "./words";

declare const __EDGESITE_MANIFEST__: Manifest;
const manifest = __EDGESITE_MANIFEST__;
const url = import.meta.url;
const bindings: readonly Binding[] = [manifest, ...(manifest.bindings ?? [])];

/** By this name the file knows that it was started as a worker by itself. */
const WORKER = "edgesite-model";

export interface LoadOptions {
  worker?: boolean;
  target?: Target;
  threads?: number | "auto";
  onProgress?: Progress;
}

/** What a worker is told first. */
type Choice = Pick<LoadOptions, "target" | "threads">;

/** What has come of it. */
interface Chosen {
  readonly target: Target;
  readonly threads: number;
  /** What to practise with, where a model is brief and no strings are among its inputs. */
  readonly own?: Values | undefined;
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
    threads: number;
    bindings: Sides[];
    bytes: { code: number; weights: number };
    labels?: readonly string[];
  };
  /** Where the model belongs to a demo: every class of a picture, best first. */
  predict?(picture: unknown): Promise<Answer[]>;
  run(feeds: Listed): Promise<Listed>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a worker by its name. */
type Start = (name: string) => Promise<WorkerPort>;

const CLOSED = "the model is closed; load it again";

const describe = (places: Binding["inputs"]): TensorInfo[] =>
  places.map(({ name, dtype, shape }) => ({ name, dtype, shape }));

const sidesOf = ({ inputs, outputs }: Binding): Sides =>
  ({ inputs: describe(inputs), outputs: describe(outputs) });

/** The place of the binding with inputs as long as those given; one binding says itself why not. */
function bindingOf(feeds: Values): number {
  const at = bindings.findIndex(({ inputs }) => inputs.every(
    ({ name, shape }) => feeds[name]?.length === shape.reduce((length, size) => length * size, 1),
  ));
  if (at >= 0 || bindings.length === 1) return Math.max(at, 0);
  const sizes = bindings.map(({ inputs }) =>
    inputs.map(({ name, shape }) => `${name} ${shape.join("x")}`).join(" and "));
  throw new TypeError(`inputs of a size that the model has not; give ${sizes.join(", or ")}`);
}

/** A model in this thread: an engine for each binding, made when it is first asked for. */
interface Session extends Chosen {
  run(feeds: Values): Values | Promise<Values>;
  predict?(source: Source): Promise<Float32Array>;
  reset(): void;
}

/** What a worker is asked for once it has a model. */
type Request = { run: Values } | { predict: Source } | { reset: true };

if (WITH_PICTURES) useWords({ picture });

function answering(
  engine: Engine, other?: (at: number) => Promise<Engine>,
): (source: Source) => Promise<Float32Array> {
  const classifier = createClassifier(engine, manifest.task!, other);
  return async (source) => {
    const picture = await pictureOf(source);
    const sized = await classifier.choose(picture);
    classifier.feed(sized, picture);
    return classifier.run(sized);
  };
}

/** The manifest for one binding, whose engine is also given what is made of strings. */
const boundTo = (binding: Binding): Manifest =>
  ({ ...manifest, ...(WITH_VALUES ? { ...binding, inputs: allInputs(binding) } : binding) });

const speaking = (engine: Engine, binding: Binding): TextEngine =>
  WITH_VALUES ? withTexts(engine, binding) : engine as TextEngine;

type Open = (
  which: Binding, target?: Target, onProgress?: Progress, known?: Uint8Array,
) => Promise<Engine>;

const alone: Open = (which, target, onProgress, known) =>
  start(boundTo(which), url, target, onProgress, known);

/** How to open bindings whose work several threads share, if there can be several. */
async function opener(wanted: Choice["threads"], hire: Hire): Promise<Open> {
  const threads = await threadsHere(wanted ?? "auto");
  if (threads < 2) return alone;
  const shared: Gather = (code, pages, own) => gather(code, pages, own, threads, hire);
  return (which, target, onProgress, known) =>
    start(boundTo(which), url, target, onProgress, known, shared)
      .catch(() => alone(which, target, onProgress, known));
}

async function begin(choice: Choice, hire: Hire, onProgress?: Progress): Promise<Session> {
  const open = WITH_THREADS ? await opener(choice.threads, hire) : alone;
  const first = await open(manifest, choice.target, onProgress);
  const made: TextEngine[] = [speaking(first, manifest)];
  const making: Promise<TextEngine>[] = [];
  const another = (at: number): Promise<Engine> =>
    open(bindings[at]!, first.target, undefined, first.weights);
  const make = async (at: number): Promise<TextEngine> =>
    made[at] = speaking(await another(at), bindings[at]!);
  return {
    target: first.target,
    threads: first.threads ?? 1,
    own: WITH_VALUES || !manifest.brief ? undefined : first.own,
    ...(WITH_PICTURES && { predict: answering(first, WITH_SIZES ? another : undefined) }),
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
const buffersOf = (values: Values): ArrayBuffer[] =>
  Object.values(values).flatMap((data) =>
    ArrayBuffer.isView(data) ? data.buffer as ArrayBuffer : []);

async function makeWorker(name: string): Promise<WorkerPort> {
  if (globalThis.Worker) {
    const options = { type: "module", name } as const;
    try {
      return new Worker(url, options) as WorkerPort;
    } catch {
      // Another origin's script may be imported, but not started.
      const script = new Blob([`import ${JSON.stringify(url)}`], { type: "text/javascript" });
      return new Worker(URL.createObjectURL(script), options) as WorkerPort;
    }
  }
  const { Worker: Thread } = await nodeModule("worker_threads");
  const thread = new Thread(new URL(url), { workerData: name });
  thread.on("message", (data: unknown) => thread.onmessage({ data }));
  thread.on("error", (error: Error) => thread.onerror(error));
  return thread;
}

function work(port: Port): void {
  let session: Session | undefined;
  serve(port, async (message, note) => {
    if (!session) {
      session = await begin(message, note, (...progress) => note(progress));
      const { target, threads, own } = session;
      return [{ target, threads, own: own && copied(own) } satisfies Chosen, []];
    }
    const request = message as Request;
    if ("reset" in request) return [session.reset(), []];
    if (WITH_PICTURES && "predict" in request) return [await session.predict!(request.predict), []];
    const results = await session.run((request as { run: Values }).run);
    return [results, buffersOf(results)];
  });
}

/** Copies that can be given away; a part of a large buffer would otherwise travel as all of it. */
function copied(feeds: Values): Values {
  const copies: Values = {};
  for (const [name, data] of Object.entries(feeds)) {
    // Not data.slice(): that of Node's Buffer does not copy.
    copies[name] = ArrayBuffer.isView(data) ? Int8Array.prototype.slice.call(data) : data;
  }
  return copies;
}

async function loadThere(start: Start, choice: Choice, onProgress: Progress | undefined) {
  const remote: Remote = connect(
    await start(WORKER),
    (note: Errand | Parameters<Progress>) => {
      if (!("memory" in note)) onProgress?.(...note);
      else if (WITH_THREADS) employ(start(HELPER), note);
    },
    (reason) => `the worker stopped (${reason}); load({ worker: false }) does without one`,
  );
  const chosen = await remote.ask<Chosen>(choice);
  const run = (feeds: Values): Promise<Values> => {
    const copies = copied(feeds);
    return ask({ run: copies }, buffersOf(copies));
  };
  const ask = <T>(request: Request, given: Transferable[] = []): Promise<T> =>
    remote.ask(request, given);
  return {
    ...chosen,
    run,
    ...(WITH_PICTURES && {
      predict: (source: Source) =>
        ask<Float32Array>({ predict: source }, "close" in source ? [source] : []),
    }),
    reset: () => ask<void>({ reset: true }),
    close: () => remote.close(CLOSED),
  };
}

async function loadHere(start: Start, choice: Choice, onProgress: Progress | undefined) {
  const hire: Hire = (errand) => { if (WITH_THREADS) employ(start(HELPER), errand); };
  let session: Session | undefined = await begin(choice, hire, onProgress);
  const opened = (): Session => {
    if (!session) throw new Error(CLOSED);
    return session;
  };
  const close = (): void => {
    session = undefined;
  };
  return {
    ...session,
    run: (feeds: Values) => opened().run(feeds),
    ...(WITH_PICTURES && { predict: async (source: Source) => opened().predict!(source) }),
    reset: () => opened().reset(),
    close,
  };
}

/** V8 has every script that a run goes through on its list of what to compile by the tenth. */
const PRACTICE_RUNS = 12;
const PRACTICE_MS = 10;

/**
 * Run some times, because whatever runs for the first time is slow, down to this file's scripts.
 *
 * In two goes, for what an engine compiles after one it puts in place in the other; until then
 * its compiler takes turns with the run that it is for, even where a core is idle. The second
 * ends without a pause: another process's turn would leave the caches cold.
 */
async function practise(model: Model, feeds: Values): Promise<void> {
  for (let goes = 2; goes--;) {
    await pause();
    const end = performance.now() + PRACTICE_MS;
    for (let runs = PRACTICE_RUNS; runs-- && performance.now() < end;) await model.run(feeds);
  }
  return model.reset();
}

export async function load(options: LoadOptions = {}): Promise<Model> {
  const { worker = true, onProgress, ...choice } = options;
  const staff: WorkerPort[] = [];
  const start: Start = async (name) => {
    const started = await makeWorker(name);
    staff.push(started);
    return started;
  };
  const dismiss = (): void => {
    for (const started of staff) started.terminate();
  };
  const { target, threads, own, run, predict, reset, close } =
    await (worker ? loadThere : loadHere)(start, choice, onProgress).catch((error) => {
      dismiss();
      throw error;
    });
  const info = {
    target,
    worker,
    threads,
    ...sidesOf(manifest),
    bindings: bindings.map(sidesOf),
    bytes: { code: manifest.modules[target].size_bytes, weights: manifest.weights.size_bytes },
  };
  if (WITH_PICTURES) Object.assign(info, { labels: manifest.task!.labels });
  const model: Model = {
    info,
    ...(WITH_PICTURES && {
      predict: async (picture: unknown) =>
        ranked(await readable(predict!(await sourceOf(picture))), manifest.task!.labels),
    }),
    run: async (feeds = {}) => WITH_VALUES
      ? gathered(await run(spread(feeds, bindings)), bindings)
      : run(feeds as Values),
    reset: async () => reset(),
    close: async () => {
      close();
      dismiss();
    },
  };
  // To read a picture takes longer than practice saves.
  if (!WITH_PICTURES && own) await practise(model, own);
  return model;
}

const scope = globalThis as unknown as Port & { name?: string; document?: unknown; process?: any };
if (scope.name === WORKER && !scope.document) {
  work(scope);
} else if (WITH_THREADS && scope.name === HELPER && !scope.document) {
  help(scope);
} else if (scope.process?.versions?.node) {
  void nodeModule("worker_threads").then(({ parentPort, workerData }) => {
    if (workerData === WORKER) work(parentPort);
    else if (WITH_THREADS && workerData === HELPER) help(parentPort);
  });
}
