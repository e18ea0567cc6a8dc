/** What pages that measure have in common: files beside them, and what they have found out. */

/** Names in variables keep the bundler from looking for files that only the server has. */
export const at = (path: string): string => new URL(path, document.baseURI).href;

export const bytesOf = async (path: string): Promise<ArrayBuffer> =>
  (await fetch(at(path))).arrayBuffer();

export const jsonOf = async <T>(path: string): Promise<T> => (await fetch(at(path))).json();

/** Post the outcome, which generator/edgesite/bench/visit.py waits for. */
export async function report(measuring: Promise<object>): Promise<void> {
  const outcome = await measuring.catch((error) => ({ failed: String(error?.message ?? error) }));
  await fetch(at("outcome"), { method: "POST", body: JSON.stringify(outcome) });
}
