/**
 * Pictures of visitors: from a file to straight RGBA, or to a sentence that says why not.
 *
 * createImageBitmap with a 2-D canvas is what agrees with Pillow to the last bit on opaque
 * pictures of every kind in Chromium; ImageDecoder gives JPEGs in YUV and leaves the EXIF
 * orientation to its caller. A canvas keeps colours multiplied by alpha, but what that rounds
 * away is lost again when image.ts puts a background behind: nothing on white, 1 of 255 on others.
 */

import type { Picture, Source } from "./page";
import { fill, words } from "./words";

/** A refusal; the message is a sentence for the visitor. */
export class Refusal extends Error {}

const MEGAPIXEL = 1_000_000;
/** images.py refuses the same. */
const MAX_MEGAPIXELS = 100;
const MAX_FILE_BYTES = 0x1000_0000;

/** Rows that pass through the canvas at a time: Safari's may have 16 megapixels in all. */
const BAND = 256;

/** What the first bytes of a file tell; zero for a size they do not. */
interface Header {
  readonly width: number;
  readonly height: number;
  /** Whether the file has its end. */
  readonly whole: boolean;
}

/** Whether the mark occurs behind `from`; at the very end in most files, so backwards. */
function occurs(bytes: Uint8Array, mark: readonly number[], from: number): boolean {
  let at = bytes.length - mark.length;
  while (at > from && !mark.every((byte, i) => bytes[at + i] === byte)) at--;
  return at > from;
}

function readJpeg(bytes: Uint8Array, view: DataView): Header {
  let width = 0, height = 0, at = 2;
  for (;;) {
    const marker = view.getUint8(at + 1);
    // Start of scan: compressed data follow, in which the end marker cannot occur.
    if (marker === 0xda) return { width, height, whole: occurs(bytes, [0xff, 0xd9], at) };
    if (marker === 0xff) {
      at++;
      continue;
    }
    // Start of frame, C0 to CF; C4, C8 and CC are other things.
    if (marker === 0xc0 || (marker >> 4 === 0xc && marker & 3)) {
      height = view.getUint16(at + 5);
      width = view.getUint16(at + 7);
    }
    at += 2 + view.getUint16(at + 2);
  }
}

/** The header of the kinds that browsers show however much of the file is missing. */
function readHeader(bytes: Uint8Array): Header | undefined {
  const view = new DataView(bytes.buffer);
  const unknown = { width: 0, height: 0 };
  try {
    switch (view.getUint32(0)) {
      case 0x89504e47: // PNG
        return {
          width: view.getUint32(16),
          height: view.getUint32(20),
          whole: occurs(bytes, [0x49, 0x45, 0x4e, 0x44], 24),
        };
      case 0x47494638: // GIF8
        return { width: view.getUint16(6, true), height: view.getUint16(8, true), whole: true };
      case 0x52494646: // RIFF, WebP if a picture
        return { ...unknown, whole: view.getUint32(4, true) + 8 <= bytes.length };
    }
    if (view.getUint16(0) === 0xffd8) return readJpeg(bytes, view);
    if (view.getUint16(0) === 0x424d) return { ...unknown, whole: true }; // BMP
  } catch {
    return { ...unknown, whole: false }; // A read behind the end.
  }
  return undefined;
}

function checkSize(width: number, height: number): void {
  const megapixels = (width * height) / MEGAPIXEL;
  if (megapixels > MAX_MEGAPIXELS) {
    const sizes = { megapixels: Math.ceil(megapixels), limit: MAX_MEGAPIXELS };
    throw new Refusal(fill(words.picture.megapixels, sizes));
  }
}

/** The pixels of a bitmap, which is closed. */
export function read(bitmap: ImageBitmap): Picture {
  const { width, height } = bitmap;
  checkSize(width, height);
  const rgba = new Uint8ClampedArray(width * height * 4);
  const canvas = new OffscreenCanvas(width, Math.min(BAND, height));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.globalCompositeOperation = "copy";
  for (let top = 0; top < height; top += BAND) {
    const rows = Math.min(BAND, height - top);
    context.drawImage(bitmap, 0, -top);
    rgba.set(context.getImageData(0, 0, width, rows).data, top * width * 4);
  }
  bitmap.close();
  return { width, height, rgba };
}

/**
 * Whether the browser changes what is read from a canvas, as some do against tracking: a block of
 * known pixels goes the way that pictures go.
 */
export function isFalsified(): boolean {
  const side = 32;
  const known = Uint8ClampedArray.from({ length: side * side * 4 }, (_, at) =>
    at % 4 === 3 ? 255 : (at * 37) & 255,
  );
  const canvas = new OffscreenCanvas(side, side);
  canvas.getContext("2d")!.putImageData(new ImageData(known, side, side), 0, 0);
  return read(canvas.transferToImageBitmap()).rgba.some((byte, at) => byte !== known[at]);
}

/** The first picture of a file, upright. Rejects with a Refusal. */
export async function decode(file: Blob): Promise<Picture> {
  if (!file.size) throw new Refusal(words.picture.empty);
  if (file.size > MAX_FILE_BYTES) {
    throw new Refusal(words.picture.large);
  }
  const header = readHeader(new Uint8Array(await file.arrayBuffer()));
  if (header?.whole) checkSize(header.width, header.height);
  const cutOff = new Refusal(words.picture.cut_off);
  if (header && !header.whole) throw cutOff;
  let bitmap;
  try {
    // The EXIF orientation is applied unless asked otherwise.
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    if (header) throw cutOff;
    throw new Refusal(words.picture.unknown);
  }
  try {
    return read(bitmap);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(words.picture.memory);
  }
}

/** The pixels of whatever can be predicted on. */
export async function pictureOf(source: Source): Promise<Picture> {
  if ("rgba" in source) return source;
  return source instanceof Blob ? decode(source) : read(source);
}
