/** What callers of model.js give: pictures of any kind, brought to one that a worker takes. */

import type { Source } from "./page";

const RAW = "{data, width, height} with RGBA bytes";
/** Put together where it is used, for bundlers leave out what is not. */
const wanted = (): string => `give a Blob, an image, canvas or video element, or ${RAW}`;

/** Raw pixels, as ImageData has them and as Node's decoders give them. */
interface Raw {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

const nameOf = (given: unknown): string =>
  given === null ? "null" : (given as object)?.constructor?.name ?? typeof given;

/** A copy, which may be given away, and is no part of a larger buffer. */
function copied({ data, width, height }: Raw): Source {
  const wanted = width * height * 4;
  const isBytes = /^Uint8(Clamped)?Array$/.test((data as any)?.[Symbol.toStringTag]);
  if (!isBytes || !wanted || data.length !== wanted) {
    const got = `${nameOf(data)} of ${data?.length} for ${width}x${height} pixels`;
    throw new TypeError(
      `predict: got a ${got}; give a Uint8Array of width x height x 4: red, green, blue and alpha`,
    );
  }
  return { width, height, rgba: new Uint8ClampedArray(data) };
}

/** What is predicted, or why the browser keeps the picture's pixels from this page. */
export const readable = <T>(doing: Promise<T>): Promise<T> =>
  doing.catch((error) => {
    if (!/DataCloneError|SecurityError/.test(error.name)) throw error;
    throw new TypeError(
      "predict: the picture comes from a site that does not let others read it; let that site " +
        'send Access-Control-Allow-Origin and set crossorigin="anonymous" on the element',
    );
  });

/** Rejects with what to give instead. */
export async function sourceOf(given: any): Promise<Source> {
  if (given?.data && "width" in given) return copied(given);
  const hasCanvas = "OffscreenCanvas" in globalThis;
  if (globalThis.Blob && given instanceof Blob) {
    if (hasCanvas) return given;
    throw new TypeError(
      "predict: files cannot be decoded here; decode it with a library, such as sharp or pngjs, " +
        `and give ${RAW}`,
    );
  }
  if (!hasCanvas) throw new TypeError(`predict: got ${nameOf(given)}; give ${RAW}`);
  try {
    // An image element may still be loading.
    await given.decode?.();
    return await createImageBitmap(given, { colorSpaceConversion: "none" });
  } catch (error) {
    throw new TypeError(`predict: got ${nameOf(given)} (${(error as Error).message}); ${wanted()}`);
  }
}
