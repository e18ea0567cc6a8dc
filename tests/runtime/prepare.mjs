// Prepare every case of CASES (JSON lines) with the bundle IMAGE and write the bytes to RESULTS.
// A case: {picture: path of raw RGBA, width, height, spec}; prints the size of each result.

import { openSync, readFileSync, writeSync } from "node:fs";

const [image, cases, results] = process.argv.slice(2);
const { normalization, see, show, write } = await import(image);
const output = openSync(results, "w");
const sizes = [];
for (const line of readFileSync(cases, "utf8").trim().split("\n")) {
  const { picture, width, height, spec } = JSON.parse(line);
  const rgba = new Uint8ClampedArray(readFileSync(picture));
  const seen = see({ rgba, width, height }, spec);
  const size = spec.width * spec.height * spec.mean.length;
  const raw = spec.dtype === "uint8";
  const target = raw ? new Uint8Array(size) : new Float32Array(size);
  write(seen, spec, raw ? null : normalization(spec), target);
  writeSync(output, new Uint8Array(target.buffer));
  writeSync(output, show(seen, spec).rgba);
  sizes.push(target.byteLength);
}
console.log(JSON.stringify(sizes));
