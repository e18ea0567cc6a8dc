/** The worker that demo pages share which stand in frames of one page. */

import type { PageData } from "../runtime/page";
import type { WorkerPort } from "../runtime/remote";

/** The line to it; undefined where this page is no frame, or the browser cannot. */
export function sharedWorker({ shared, worker }: PageData): WorkerPort | undefined {
  // Chrome on Android has none.
  if (!shared || parent === window || !window.SharedWorker) return undefined;
  try {
    return lineTo(new SharedWorker(shared, { type: "module" }), worker);
  } catch {
    // A frame without an origin of its own, such as one in a sandbox, has nothing to share.
    return undefined;
  }
}

/** A line to a shared worker, or to one of the page's own where that cannot be loaded. */
function lineTo(worker: SharedWorker, script: string): WorkerPort {
  const { port } = worker;
  let own: Worker | undefined;
  /** What has been sent and not been given away, as long as nothing has been heard. */
  let sent: unknown[] | null = [];
  const line: WorkerPort = {
    onmessage: null,
    onerror: null,
    postMessage(message, transfer) {
      sent?.push(message);
      (own ?? port).postMessage(message, sent ? [] : transfer);
    },
    terminate: () => (own ? own.terminate() : port.close()),
  };
  const hear = (event: MessageEvent): void => {
    sent = null;
    line.onmessage!(event);
  };
  port.onmessage = hear;
  // Privacy settings may keep frames of other sites from sharing.
  worker.onerror = () => {
    own = new Worker(script, { type: "module" });
    own.onmessage = hear;
    own.onerror = (event) => line.onerror!(event);
    for (const message of sent ?? []) own.postMessage(message);
  };
  return line;
}
