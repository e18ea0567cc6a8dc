// Load the model of FOLDER with several threads and play the scenario NAME; prints what came of it.

import { pathToFileURL } from "node:url";

const [folder, name] = process.argv.slice(2);
const { load } = await import(pathToFileURL(`${folder}/model.js`));

function feedsOf({ inputs }) {
  const filled = inputs.map(({ name, shape }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    return [name, Float32Array.from({ length }, (_, at) => Math.sin(at))];
  });
  return Object.fromEntries(filled);
}

const bytesOf = (outputs) =>
  Object.values(outputs).map((data) => Buffer.from(data.buffer).toString("base64")).join();

/** The bytes of the first answers, and how many threads gave them. */
async function answers(options, count = 5) {
  const model = await load(options);
  const found = [];
  for (let at = 0; at < count; at++) found.push(bytesOf(await model.run(feedsOf(model.info))));
  await model.close();
  return { threads: model.info.threads, found };
}

/** Live worker threads, those of Node's own left out. */
const workers = () =>
  process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort" || kind === "Worker");

const SCENARIOS = {
  async alike() {
    const alone = await answers({ threads: 1 });
    const others = [];
    for (const worker of [true, false]) {
      for (const threads of [2, 3, 8]) others.push(await answers({ worker, threads }));
    }
    return {
      threads: others.map((other) => other.threads),
      alike: others.every(({ found }) => found.every((bytes) => bytes === alone.found[0])),
    };
  },

  async byItself() {
    const { availableParallelism } = await import("node:os");
    return { threads: (await answers({})).threads, cores: Math.min(8, availableParallelism()) };
  },

  async crowd() {
    const runs = Array.from({ length: 4 }, () => answers({ threads: 4 }, 20));
    const all = (await Promise.all(runs)).flatMap(({ found }) => found);
    return new Set(all).size;
  },

  async cycles() {
    const round = () => answers({ threads: 2, worker: false }, 1);
    for (let at = 0; at < 5; at++) await round();
    globalThis.gc();
    const before = process.memoryUsage().rss;
    for (let at = 0; at < 40; at++) await round();
    globalThis.gc();
    await new Promise((done) => setTimeout(done, 100));
    return { workers: workers().length, grown: (process.memoryUsage().rss - before) / 2 ** 20 };
  },
};

console.log(JSON.stringify(await SCENARIOS[name]()));
