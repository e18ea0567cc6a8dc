/** The service worker of a site that is isolated, but not kept for use without a network. */

import { isolated } from "./isolated";

const worker = self as unknown as ServiceWorkerGlobalScope;

worker.addEventListener("install", () => void worker.skipWaiting());

worker.addEventListener("activate", (event) => {
  event.waitUntil(caches.delete(`edgesite ${worker.registration.scope}`)); // An earlier build's.
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.destination !== "document" && request.destination !== "worker") return;
  event.respondWith(fetch(request).then((response) => isolated(request, response)));
});
