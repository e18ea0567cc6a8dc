/**
 * A page's side of isolation: the site's service worker sends the headers that hosts do not.
 *
 * It does so from the second time a page is loaded on, so the first visit is loaded again, once
 * in a tab, as soon as the service worker is there and unless the visitor has already done
 * something. Where there is none (private windows, plain HTTP), or the page is a part of another,
 * nothing happens, and the model runs on one thread.
 */

const TRIED = "edgesite isolated";

async function isolate(): Promise<void> {
  await navigator.serviceWorker.register(new URL("../sw.js", import.meta.url));
  if (crossOriginIsolated || sessionStorage.getItem(TRIED)) return;
  await navigator.serviceWorker.ready;
  if (navigator.userActivation?.hasBeenActive) return;
  sessionStorage.setItem(TRIED, "yes");
  location.reload();
}

if (navigator.serviceWorker && self === top) isolate().catch(() => {});

export {};
