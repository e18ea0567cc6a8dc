// Give the compiled model in FOLDER what is wrong, or TEXTS; prints what it says to each as JSON.

import { pathToFileURL } from "node:url";

const [folder, texts] = process.argv.slice(2);
const { load } = await import(pathToFileURL(`${folder}/model.js`));
const right = ["a", "b", "c", "d"];
const wrong = [{}, { x: ["a"] }, { x: [1, 2, 3, 4] }, { x: right, y: right }];
const model = await load({ worker: false });
const refusals = [];
for (const feeds of texts ? [{ x: JSON.parse(texts) }] : wrong) {
  refusals.push(await model.run(feeds).then(() => null, (error) => error.message));
}
console.log(JSON.stringify(refusals));
