// Load the model of FOLDER with several threads and play the scenario NAME; prints what came of it.

import { readdir } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, name, count] = process.argv.slice(2);
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

/** How many threads or open files this process has, where the system tells. */
const entries = (kind) => readdir(`/proc/self/${kind}`).then((all) => all.length, () => 0);

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

  /** What `count` models that were loaded, run and closed have left behind. */
  async cycles() {
    const rounds = async (times) => {
      for (let at = 0; at < times; at++) await answers({ threads: 2, worker: at % 2 === 1 }, 1);
      // What one collection finds to be unused, the next one may give back.
      for (let at = 0; at < 3; at++) {
        globalThis.gc();
        await new Promise((done) => setTimeout(done, 200));
      }
      return [process.memoryUsage().rss / 2 ** 20, await entries("task"), await entries("fd")];
    };
    const before = await rounds(10);
    const after = await rounds(Number(count));
    const [megabytes, threads, files] = after.map((now, at) => now - before[at]);
    return { workers: workers().length, megabytes, threads, files };
  },
};

console.log(JSON.stringify(await SCENARIOS[name]()));
