// Run the model of FOLDER on FEEDS, lists of numbers by name, one after the other; null resets it.
// Prints the outputs of every run, in this thread and in a worker.

import { pathToFileURL } from "node:url";

const [folder, feeds] = process.argv.slice(2);
const { load } = await import(pathToFileURL(`${folder}/model.js`));

const lists = (tensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, data]) => [name, [...data]]));
const typed = (given) =>
  Object.fromEntries(Object.entries(given).map(([name, data]) => [name, Float32Array.from(data)]));

async function answers(options) {
  const model = await load(options);
  const asked = JSON.parse(feeds).map((given) => (given ? model.run(typed(given)) : model.reset()));
  const found = await Promise.allSettled(asked);
  const { bindings, inputs } = model.info;
  await model.close();
  return { runs: found.map(({ value, reason }) => reason?.message ?? lists(value ?? {})), bindings, inputs };
}

const runs = [];
for (const worker of [false, true]) runs.push(await answers({ worker }));
console.log(JSON.stringify(runs));
