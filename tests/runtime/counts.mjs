// Run the model of FOLDER on lists of numbers; prints the outputs of every run as JSON.

import { pathToFileURL } from "node:url";

const [folder, runs] = process.argv.slice(2);
const { load } = await import(pathToFileURL(`${folder}/model.js`));
const model = await load({ worker: false });
const answers = [];
for (const numbers of JSON.parse(runs)) {
  const { y } = await model.run({ x: Float32Array.from(numbers) });
  answers.push([...y].map(Number));
}
console.log(JSON.stringify(answers));
await model.close();
