/**
 * The page of `edgesite profile`: runs a compiled model layer by layer and times each.
 *
 * Layers run in the order of a prediction, so that each finds the caches as the one before left
 * them. The clock counts in steps of 5 to 20 microseconds, but every prediction begins somewhere
 * else within a step: over many of them the mean of a layer is as exact as there are many.
 */

import { instantiate } from "../runtime/engine";
import type { Manifest, Target } from "../runtime/manifest";
import { bytesOf, jsonOf, report } from "./report";

interface Task {
  target: Target;
  /** How many layers the module has. */
  layers: number;
  /** How long to run before the clock counts, and with it. */
  warm_ms: number;
  timed_ms: number;
}

/** A module made for this has this export beside those of any compiled model. */
type Exports = Awaited<ReturnType<typeof instantiate>> & { layer(number: number): void };

async function open(manifest: Manifest, target: Target): Promise<Exports> {
  const { modules, weights, memory_pages, inputs } = manifest;
  const code = new Uint8Array(await bytesOf(`model/${modules[target]!.file}`));
  const exports = (await instantiate(code, memory_pages)) as Exports;
  const memory = new Uint8Array(exports.memory.buffer);
  memory.set(new Uint8Array(await bytesOf(`model/${weights.file}`)), weights.offset);
  exports.init();
  for (const [number, { offset }] of inputs.entries()) {
    memory.set(new Uint8Array(await bytesOf(`input/${number}.bin`)), offset);
  }
  return exports;
}

/** The coarsest clock of an isolated page. */
const STEP_MS = 0.02;

function runFor(milliseconds: number, run: () => void): void {
  const end = performance.now() + milliseconds;
  do run();
  while (performance.now() < end);
}

/** What it takes to call a layer and to look at the clock. */
function overheadOf(exports: Exports, layers: number): number {
  const begin = performance.now();
  for (let count = 0; count < 10_000; count += 1) {
    exports.layer(layers);
    performance.now();
  }
  return (performance.now() - begin) / 10_000;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const middle = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

async function measure(): Promise<object> {
  const { target, layers, warm_ms, timed_ms } = await jsonOf<Task>("task.json");
  const exports = await open(await jsonOf<Manifest>("model/manifest.json"), target);
  runFor(warm_ms, () => exports.run());
  const overhead = overheadOf(exports, layers);
  const wholes: number[] = [];
  const passes: number[][] = [];
  const pass = (): void => {
    for (let count = Math.random() * (STEP_MS / overhead); count > 0; count -= 1) {
      exports.layer(layers);
      performance.now();
    }
    const stamps = [performance.now()];
    exports.run();
    stamps.push(performance.now());
    for (let number = 0; number < layers; number += 1) {
      exports.layer(number);
      stamps.push(performance.now());
    }
    const [whole, ...parts] = stamps.slice(1).map((stamp, number) => stamp - stamps[number]!);
    wholes.push(whole!);
    passes.push(parts);
  };
  runFor(warm_ms / 4, pass);
  wholes.length = passes.length = 0;
  runFor(timed_ms, pass);
  // Whatever else the machine did meanwhile made some passes slower: the other half counts.
  const limit = middle(passes.map(sum));
  const quiet = passes.filter((parts) => sum(parts) <= limit);
  return {
    whole_us: 1000 * middle(wholes),
    passes: passes.length,
    layers_us: quiet[0]!.map((_, number) =>
      1000 * Math.max(0, sum(quiet.map((parts) => parts[number]!)) / quiet.length - overhead)),
  };
}

void report(measure());
