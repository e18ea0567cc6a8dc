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

interface Opened {
  readonly exports: Exports;
  /** Put the inputs where they belong; what a prediction computes may lie there afterwards. */
  feed(): void;
}

async function open(manifest: Manifest, target: Target): Promise<Opened> {
  const { modules, weights, memory_pages, inputs } = manifest;
  const code = new Uint8Array(await bytesOf(`model/${modules[target]!.file}`));
  const exports = (await instantiate(code, memory_pages)) as Exports;
  const memory = new Uint8Array(exports.memory.buffer);
  memory.set(new Uint8Array(await bytesOf(`model/${weights.file}`)), weights.offset);
  exports.init();
  const arrays = await Promise.all(inputs.map((_, number) => bytesOf(`input/${number}.bin`)));
  const feed = (): void =>
    inputs.forEach(({ offset }, number) => memory.set(new Uint8Array(arrays[number]!), offset));
  return { exports, feed };
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

/** The mean without the times that were longer because the machine did something else. */
function undisturbed(times: readonly number[]): number {
  const middle = [...times].sort((a, b) => a - b)[times.length >> 1]!;
  const kept = times.filter((time) => time <= 1.2 * middle + STEP_MS);
  return sum(kept) / kept.length;
}

async function measure(): Promise<object> {
  const { target, layers, warm_ms, timed_ms } = await jsonOf<Task>("task.json");
  const { exports, feed } = await open(await jsonOf<Manifest>("model/manifest.json"), target);
  const run = (): void => {
    feed();
    exports.run();
  };
  runFor(warm_ms, run);
  const overhead = overheadOf(exports, layers);
  const wholes: number[] = [];
  const times: number[][] = Array.from({ length: layers }, () => []);
  const pass = (): void => {
    feed();
    const begin = performance.now();
    exports.run();
    wholes.push(performance.now() - begin);
    feed();
    for (let count = Math.random() * (STEP_MS / overhead); count > 0; count -= 1) {
      exports.layer(layers);
      performance.now();
    }
    let before = performance.now();
    for (let number = 0; number < layers; number += 1) {
      exports.layer(number);
      const now = performance.now();
      times[number]!.push(now - before);
      before = now;
    }
  };
  runFor(warm_ms / 4, pass);
  for (const list of [wholes, ...times]) list.length = 0;
  runFor(timed_ms, pass);
  return {
    whole_us: 1000 * undisturbed(wholes),
    passes: wholes.length,
    layers_us: times.map((list) => 1000 * Math.max(0, undisturbed(list) - overhead)),
  };
}

void report(measure());
