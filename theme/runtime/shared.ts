/**
 * The worker of all demo pages that stand in frames of one page: a session for each, and an engine
 * for each model, however many frames show it.
 */

import { start, type Engine } from "./engine";
import type { Port } from "./remote";
import { serveSession, type Opened } from "./session";

const engines = new Map<string, Promise<Engine>>();

const open: Opened = ({ manifest, base }, _hire, onProgress, known) => {
  const load = (): Promise<Engine> => start(manifest, base, undefined, onProgress, known);
  // What a model keeps from run to run belongs to one frame.
  if (manifest.state?.length) return load();
  const { modules, weights } = manifest;
  const name = modules.simd.sha256 + weights.sha256;
  const there = engines.get(name);
  if (there) return there;
  const engine = load();
  engines.set(name, engine);
  // Another frame may try again.
  engine.catch(() => engines.delete(name));
  return engine;
};

const scope = globalThis as unknown as { onconnect: (event: MessageEvent) => void };
scope.onconnect = ({ ports }) => serveSession(ports[0] as unknown as Port, open);
