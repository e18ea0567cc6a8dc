// Load the model of FOLDER and play the scenario NAME with it; prints what came of it as JSON.

import { pathToFileURL } from "node:url";

const [folder, name] = process.argv.slice(2);
const { load } = await import(pathToFileURL(`${folder}/model.js`));

const x = Float32Array.of(1, 2, 3, 4);
const texts = (data) => [data.constructor.name, ...data].map(String);
const list = (tensors) =>
  Object.fromEntries(Object.entries(tensors).map(([key, data]) => [key, texts(data)]));
const failure = async (doing) => doing.then(() => null, (error) => error.message);

/** Load, run, close. */
async function round(options, feeds) {
  const model = await load(options);
  const outputs = list(await model.run(feeds));
  const again = list(await model.run(feeds));
  await model.close();
  return { outputs, again, info: model.info, closed: await failure(model.run(feeds)) };
}

const EVERY = {
  float16: Uint16Array.of(15360, 1),
  float32: Float32Array.of(0.5, -1), float64: Float64Array.of(0.1, 2),
  int8: Int8Array.of(-1, 2), int16: Int16Array.of(-300, 2), int32: Int32Array.of(-70000, 2),
  int64: BigInt64Array.of(-(2n ** 40n), 2n), uint8: Uint8Array.of(255, 2),
  uint16: Uint16Array.of(65535, 2), uint32: Uint32Array.of(4294967295, 2),
  uint64: BigUint64Array.of(2n ** 63n, 2n), bool: Uint8Array.of(1, 0),
};

/** Load as an engine with, or without, relaxed SIMD; what it was asked, and the report. */
async function engine(relaxed) {
  const asked = [];
  WebAssembly.validate = (bytes) => {
    asked.push([...bytes]);
    return relaxed;
  };
  const model = await load({ worker: false });
  return { asked, target: model.info.target, report: [...(await model.run({ x })).report] };
}

/** How often the module runs while it loads, however slow the machine: the clock stands still. */
async function practice() {
  let runs = 0;
  performance.now = () => 0;
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (code) => {
    const { exports } = (await instantiate(code)).instance;
    const run = () => {
      runs++;
      exports.run();
    };
    return { instance: { exports: { ...exports, run } } };
  };
  const model = await load({ worker: false });
  const before = runs;
  return { before, outputs: list(await model.run({ x })) };
}

const SCENARIOS = {
  practice,
  withRelaxed: () => engine(true),
  withoutRelaxed: () => engine(false),
  scalars: () => round({}, { x: Float32Array.of(7), y: new Float32Array() }),
  here: () => round({ worker: false }, { x }),
  there: () => round({}, { x }),
  simd: () => round({ worker: false, target: "simd" }, { x }),
  everyHere: () => round({ worker: false }, EVERY),
  everyThere: () => round({}, EVERY),
  failsHere: () => failure(load({ worker: false })),
  failsSimd: () => failure(load({ worker: false, target: "simd" })),
  failsThere: () => failure(load()),
  unknownTarget: () => failure(load({ worker: false, target: "avx" })),

  async parts() {
    const model = await load();
    const whole = Float32Array.of(9, 9, 1, 2, 3, 4);
    const outputs = list(await model.run({ x: whole.subarray(2) }));
    return { outputs, whole: whole.length };
  },

  async feeds() {
    const refusals = [];
    for (const worker of [false, true]) {
      const model = await load({ worker });
      for (const feeds of [
        undefined, {}, { x: null }, { x: [1, 2, 3, 4] }, { x: new Float64Array(4) },
        { x: new Float32Array(5) }, { x, y: x }, { x: 7 },
      ]) {
        refusals.push(await failure(model.run(feeds)));
      }
      await model.run({ x });
      await model.close();
    }
    return refusals;
  },

  async progress() {
    const events = [];
    const options = { target: "simd", onProgress: (...bytes) => events.push(bytes) };
    await (await load(options)).close();
    await (await load({ ...options, worker: false })).close();
    return events;
  },

  async order() {
    const model = await load();
    const runs = [1, 2, 3, 4, 5].map((n) => model.run({ x: new Float32Array(4).fill(n) }));
    return (await Promise.all(runs)).map(({ x_out }) => x_out[0]);
  },

  async unanswered() {
    const model = await load();
    const run = failure(model.run({ x }));
    await model.close();
    return run;
  },

  /** What the worker has answered lies there unread when the model is closed. */
  async late() {
    const model = await load();
    const run = failure(model.run({ x }));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    await model.close();
    await new Promise((done) => setTimeout(done, 100));
    return run;
  },

  // The worker that is still there must not keep the process from ending.
  async open() {
    await (await load()).run({ x });
    return "left open";
  },
};

console.log(JSON.stringify(await SCENARIOS[name]()));
