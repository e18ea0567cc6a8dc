/**
 * The service worker of a site: keeps its files, so that pages open without a network.
 *
 * It knows every file of one build by its hash. What it keeps is named by hash as well, so a new
 * build fetches only what has changed, and what does not have its hash is never served: a page
 * cannot meet the files of another build. A new build takes over when no page of the old one is
 * open, at the latest when the visitor goes to a page.
 */

import { isolated } from "./isolated";

/** First digits of SHA-256, by path below the scope; the build puts the table in its place. */
declare const __EDGESITE_FILES__: Readonly<Record<string, string>>;
/** What is fetched at once; everything else is kept when it is first used. */
declare const __EDGESITE_SHELL__: readonly string[];

const worker = self as unknown as ServiceWorkerGlobalScope;
const files = __EDGESITE_FILES__;
const scope = worker.registration.scope;
const CACHE = `edgesite ${scope}`;
const DIGITS = 16;

/** Under this address, which no server has, a file is kept. */
const kept = (hash: string): string => `${scope}.kept/${hash}`;

async function hashOf(response: Response): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
  const bytes = [...new Uint8Array(digest, 0, DIGITS / 2)];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What is being kept at the moment. Where there is no room the visitor is served all the same. */
let keeping: Promise<unknown> = Promise.resolve();

function keep(cache: Cache, hash: string, response: Response): void {
  keeping = Promise.all([keeping, cache.put(kept(hash), response).catch(() => {})]);
}

/** Names that hold a hash can mean one content only, which need not be whole to be passed on. */
const NAMED = /\.[0-9a-f]{8}\./;

/** A file of this build: kept, or else from the network; undefined where neither has it. */
async function take(path: string): Promise<Response | undefined> {
  const hash = files[path]!;
  const cache = await caches.open(CACHE);
  const found = await cache.match(kept(hash));
  if (found && (await hashOf(found.clone())) === hash) return found;
  // Past the browser's own cache, which may hold the file of an older build for some minutes.
  for (const mode of ["default", "reload"] as const) {
    const response = await fetch(scope + path, { cache: mode });
    if (!response.ok) return response;
    if (NAMED.test(path) || (await hashOf(response.clone())) === hash) {
      keep(cache, hash, response.clone());
      return response;
    }
  }
  return undefined;
}

/** So long a page may wait for the next build, which waits itself while this one is busy. */
const PATIENCE_MS = 2000;
let asked = 0;

async function answer(request: Request, path: string): Promise<Response> {
  if (request.mode === "navigate" && worker.registration.waiting) {
    const pages = await worker.clients.matchAll();
    asked ||= Date.now();
    if (pages.length < 2 && Date.now() - asked < PATIENCE_MS) {
      worker.registration.waiting.postMessage("take over");
      return new Response("", { headers: { Refresh: "0" } });
    }
  }
  return (
    (await take(path)) ??
    new Response("This page belongs to an older version of the site; reload it.", { status: 503 })
  );
}

worker.addEventListener("install", (event) => {
  const all = __EDGESITE_SHELL__.map(async (path) => {
    if (!(await take(path))?.ok) throw new Error(`${path}: cannot be kept`);
  });
  event.waitUntil(Promise.all(all).then(() => keeping));
});

worker.addEventListener("activate", (event) => {
  const wanted = new Set(Object.values(files).map(kept));
  const tidied = caches.open(CACHE).then(async (cache) => {
    for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
  });
  // Not waited for: in Firefox (153) it waits for the threads of pages, which may never listen, and
  // until a worker is active no page gets an answer.
  event.waitUntil(tidied.then(() => void worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const { url, method } = event.request;
  const path = url.slice(scope.length).replace(/[?#].*/, "").replace(/(^|\/)$/, "$1index.html");
  if (method === "GET" && url.startsWith(scope) && Object.hasOwn(files, path)) {
    const answered = answer(event.request, path);
    event.respondWith(
      WITH_ISOLATE ? answered.then((response) => isolated(event.request, response)) : answered,
    );
    event.waitUntil(answered.then(() => keeping));
  }
});

/** "take over", or the folder of a demo that is to be kept whole; the answer is whether it is. */
worker.addEventListener("message", (event) => {
  const { data, ports } = event;
  if (data === "take over") return void worker.skipWaiting();
  const wanted = Object.keys(files).filter((path) => path.startsWith(data));
  const done = async (): Promise<boolean> => {
    await Promise.all(wanted.map(take));
    await keeping;
    const cache = await caches.open(CACHE);
    const there = await Promise.all(wanted.map((path) => cache.match(kept(files[path]!))));
    return there.every(Boolean);
  };
  const told = done()
    .catch(() => false)
    .then((all) => ports[0]?.postMessage(all));
  event.waitUntil(told);
});
