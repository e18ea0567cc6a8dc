/**
 * What the visitor has given, kept while a page loads anew: the example, the file or the drawing.
 *
 * It is noted from the events that the page's own script reacts to, and given again by the same
 * events, so that the page need not know.
 */

/** Points in shares of the pad's width and height, as the window may have changed. */
type Stroke = (readonly [x: number, y: number])[];
type Kept = { readonly example: number } | { readonly file: File } | { readonly strokes: Stroke[] };

const STORE = "edgesite-live";

let given: Kept | null = null;

document.addEventListener("change", ({ target }) => {
  const input = target as HTMLInputElement;
  if (input.name === "example") given = { example: Number(input.value) };
  else if (input.files?.[0]) given = { file: input.files[0] };
}, true);

document.addEventListener("drop", ({ dataTransfer }) => {
  const file = dataTransfer?.files[0];
  if (file) given = { file };
}, true);

document.addEventListener("paste", ({ clipboardData }) => {
  const file = clipboardData?.files[0];
  if (file) given = { file };
}, true);

document.addEventListener("click", ({ target }) => {
  const { id } = target as HTMLElement;
  if (id === "draw" || id === "clear") given = { strokes: [] };
  else if (id === "undo" && given && "strokes" in given) given.strokes.pop();
}, true);

for (const type of ["pointerdown", "pointermove"] as const) {
  document.addEventListener(type, (event) => {
    const pad = event.target as HTMLCanvasElement;
    if (pad.id !== "pad" || !event.isPrimary) return;
    const { left, top, width, height } = pad.getBoundingClientRect();
    const point = [(event.clientX - left) / width, (event.clientY - top) / height] as const;
    if (type === "pointerdown") {
      given = { strokes: [...(given && "strokes" in given ? given.strokes : []), [point]] };
    } else if (event.buttons && given && "strokes" in given) {
      given.strokes.at(-1)?.push(point);
    }
  }, true);
}

let isLeaving = false;

/** Put it where the next page finds it. */
export async function keepPicture(): Promise<void> {
  isLeaving = true;
  // What an earlier page has put there stays, if this one did not come to take it.
  if (!given) return;
  try {
    await useStore((store) => store.put(given, location.pathname));
    // Opening the store takes longer than loading a page, and mostly nothing is in it.
    sessionStorage.setItem(STORE, location.pathname);
  } catch {
    // A browser without a store forgets the picture.
  }
}

/** Give it again, once the page's own script is there to take it. */
export async function restorePicture(): Promise<void> {
  if (sessionStorage.getItem(STORE) !== location.pathname) return;
  const kept = await useStore<Kept | null>((store) => store.get(location.pathname));
  if (document.readyState !== "complete") {
    await new Promise((done) => addEventListener("load", done, { once: true }));
  }
  if (isLeaving) return;
  if (kept && !given) {
    if ("example" in kept) giveExample(kept.example);
    else if ("file" in kept) giveFile(kept.file);
    else giveDrawing(kept.strokes);
  }
  sessionStorage.removeItem(STORE);
  await useStore((store) => store.delete(location.pathname));
}

function giveExample(at: number): void {
  document.querySelectorAll<HTMLInputElement>("[name=example]")[at]?.click();
}

function giveFile(file: File): void {
  const input = document.querySelector<HTMLInputElement>("#upload");
  if (!input) return;
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function giveDrawing(strokes: readonly Stroke[]): void {
  const pad = document.querySelector<HTMLCanvasElement>("#pad");
  if (!pad) return;
  const { left, top, width, height } = pad.getBoundingClientRect();
  // No pointer is down that could be captured.
  pad.setPointerCapture = () => {};
  pad.hasPointerCapture = () => true;
  for (const stroke of strokes) {
    stroke.forEach(([x, y], at) => {
      const [clientX, clientY] = [left + x * width, top + y * height];
      const how = { clientX, clientY, isPrimary: true, bubbles: true, buttons: 1 };
      pad.dispatchEvent(new PointerEvent(at ? "pointermove" : "pointerdown", how));
    });
  }
  Reflect.deleteProperty(pad, "setPointerCapture");
  Reflect.deleteProperty(pad, "hasPointerCapture");
}

/** Do something in the browser's store, the only one of a page that takes files. */
async function useStore<T>(use: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const open = indexedDB.open(STORE);
  open.onupgradeneeded = () => { open.result.createObjectStore(STORE); };
  const base = await result(open);
  try {
    return await result(use(base.transaction(STORE, "readwrite").objectStore(STORE)));
  } finally {
    base.close();
  }
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => { done(request.result); };
    request.onerror = () => { failed(request.error!); };
  });
}
