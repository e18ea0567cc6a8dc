/**
 * A page's side of the service worker: start it, have this page's demo kept, and say so.
 *
 * Where there are no service workers (private windows, plain HTTP) nothing happens.
 */

const { root, keep } = document.querySelector<HTMLElement>("#offline")!.dataset;

async function start(): Promise<void> {
  const registration = await navigator.serviceWorker.register(`${root}sw.js`);
  // Browsers look for a new build by themselves, but not at once.
  if (navigator.serviceWorker.controller) registration.update().catch(() => {});
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    document.querySelector<HTMLElement>("#offline")!.hidden = !data;
  };
  active!.postMessage(keep, [port2]);
}

if (navigator.serviceWorker) start().catch(() => {});
