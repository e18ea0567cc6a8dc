// Run every compiled model in a folder of ROOT on what its feeds.json holds, twice, here and in a
// worker; prints what came of each as JSON.

import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [root] = process.argv.slice(2);
const plain = (data) => Array.from(data, (one) => typeof one === "string" ? one : Number(one));
const answers = {};
for (const name of readdirSync(root)) {
  const { load } = await import(pathToFileURL(`${root}/${name}/model.js`));
  const feeds = JSON.parse(readFileSync(`${root}/${name}/feeds.json`));
  answers[name] = [];
  for (const worker of [false, true]) {
    const model = await load({ worker });
    const given = await model.run(feeds);
    const again = await model.run(feeds);
    answers[name].push([given, again].map((results) =>
      Object.fromEntries(Object.entries(results).map(([key, data]) => [key, plain(data)]))));
    await model.close();
  }
}
console.log(JSON.stringify(answers));
