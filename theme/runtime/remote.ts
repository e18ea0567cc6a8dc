/** Requests to a worker, answered in the order they were made; the same for pages and Node. */

/** What both ends of a line have: a Worker here, the global scope or Node's port there. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: { data: any }) => void) | null;
}

export interface WorkerPort extends Port {
  onerror: ((event: { message?: string }) => void) | null;
  terminate(): unknown;
  /** Node: whether the process waits for the worker. */
  ref?(): void;
  unref?(): void;
}

type Reply = { value: unknown } | { error: string } | { note: unknown };

export interface Remote {
  ask<T>(message: unknown, transfer?: Transferable[]): Promise<T>;
  /** Stop the worker; what is unanswered, and all that is asked later, fails with the reason. */
  close(reason: string): void;
}

interface Waiting {
  resolve(value: any): void;
  reject(error: Error): void;
}

/**
 * @param onNote hears what the worker says without being asked, such as its progress
 * @param broken what to say when the worker stops by itself, for a reason that may be empty
 */
export function connect(
  worker: WorkerPort, onNote: (note: any) => void, broken: (reason: string) => string,
): Remote {
  const waiting: Waiting[] = [];
  let closed: Error | undefined;
  const close = (reason: string): void => {
    closed ??= new Error(reason);
    worker.terminate();
    for (const { reject } of waiting.splice(0)) reject(closed);
  };
  worker.onmessage = ({ data }: { data: Reply }) => {
    if ("note" in data) return onNote(data.note);
    const asked = waiting.shift();
    if (!asked) return; // What was on its way when the line was closed.
    if (!waiting.length) worker.unref?.();
    if ("value" in data) asked.resolve(data.value);
    else asked.reject(new Error(data.error));
  };
  worker.onerror = ({ message }) => close(broken(message ?? ""));
  worker.unref?.();
  const ask = <T>(message: unknown, transfer: Transferable[] = []): Promise<T> =>
    new Promise((resolve, reject) => {
      if (closed) throw closed;
      worker.postMessage(message, transfer);
      worker.ref?.();
      waiting.push({ resolve, reject });
    });
  return { ask, close };
}

/** A reply, and what of it is given away rather than copied. */
export type Answer = readonly [value: unknown, transfer: Transferable[]];

/** Answer requests one after the other; `note` reaches the other side's `onNote`. */
export function serve(
  port: Port, answer: (message: any, note: (note: unknown) => void) => Promise<Answer>,
): void {
  const note = (note: unknown): void => port.postMessage({ note }, []);
  let turn: Promise<void> = Promise.resolve();
  port.onmessage = ({ data }) => {
    turn = turn.then(() => answer(data, note)).then(
      ([value, transfer]) => port.postMessage({ value }, transfer),
      (error) => port.postMessage({ error: error.message }, []),
    );
  };
}
