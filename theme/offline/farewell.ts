/** Takes the place of an earlier build's service worker, clears what it kept, and is gone. */

export {};

const worker = self as unknown as ServiceWorkerGlobalScope;

worker.addEventListener("install", () => void worker.skipWaiting());

worker.addEventListener("activate", (event) => {
  const { registration } = worker;
  const gone = caches.delete(`edgesite ${registration.scope}`).then(() => registration.unregister());
  event.waitUntil(gone);
});
