/**
 * From a decoded picture to the numbers a model is fed: the twin of `tasks/images.py`, equal to
 * it bit for bit. Changes belong into both; `tests/runtime/test_image_equality.py` compares.
 */

import { centre } from "./centre";
import type { ImageInput, Picture } from "./page";
import { all, resize, type Rows, type Span } from "./resample";

/** Every size of the input; a picture gets that of nearest proportions, the first of equals. */
export const sizesOf = (input: ImageInput): ImageInput[] =>
  [[input.width, input.height] as const, ...input.others].map(([width, height]) =>
    ({ ...input, width, height }));

export function nearest(inputs: readonly ImageInput[], { width, height }: Picture): number {
  // A ratio and its inverse, which add up to the more the further they are from 1.
  const stretches = inputs.map((input) =>
    (width * input.height) / (height * input.width)
      + (height * input.width) / (width * input.height));
  return stretches.indexOf(Math.min(...stretches));
}

/** Pillow's `L`, ITU-R 601 in 16-bit fixed point. */
const luma = (red: number, green: number, blue: number): number =>
  (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;

/** Pillow's `alpha_composite` over an opaque background: a division by 255 that keeps 7 bits. */
function over(background: number, byte: number, alpha: number): number {
  const sum = (byte * alpha + background * (255 - alpha)) * 128 + 0x4000;
  return (((sum >> 8) + sum) >> 8) >> 7;
}

/** Python's round: halves go to the even neighbour. */
function round(x: number): number {
  const down = Math.floor(x);
  return x - down === 0.5 ? down + (down & 1) : Math.round(x);
}

/** The picture without transparency, in 3 channels or in 1, row by row. */
function flatten(picture: Picture, { background, color }: ImageInput): Rows {
  const { width, height, rgba } = picture;
  const channels = color === "GRAY" ? 1 : 3;
  const [behindRed, behindGreen, behindBlue] = background;
  const row = (y: number, into: Uint8Array): void => {
    let from = y * width * 4;
    for (let x = 0, to = 0; x < width; x++, from += 4) {
      let red = rgba[from]!, green = rgba[from + 1]!, blue = rgba[from + 2]!;
      const alpha = rgba[from + 3]!;
      if (alpha < 255) {
        red = over(behindRed, red, alpha);
        green = over(behindGreen, green, alpha);
        blue = over(behindBlue, blue, alpha);
      }
      if (channels === 1) {
        into[to++] = luma(red, green, blue);
      } else {
        into[to++] = red;
        into[to++] = green;
        into[to++] = blue;
      }
    }
  };
  return { width, height, channels, row };
}

/** The middle `size` pixels of `whole`, as torchvision's CenterCrop rounds it. */
const middle = (size: number, whole: number): Span =>
  ({ begin: round((whole - size) / 2), size, whole });

/** Pillow's ImageOps.fit: the largest box of the wanted shape, in the middle. */
function cropped(rows: Rows, spec: ImageInput): Uint8Array {
  const { width, height } = rows;
  const wanted = spec.width / spec.height;
  const wider = width / height > wanted, taller = width / height < wanted;
  const across = wider ? wanted * height : width;
  const along = taller ? width / wanted : height;
  const left = (width - across) * 0.5, top = (height - along) * 0.5;
  const box = [left, top, left + across, top + along] as const;
  return resize(rows, box, all(spec.width), all(spec.height), spec.resize.filter);
}

/** Pillow's ImageOps.pad, except that a sliver of a picture keeps one pixel. */
function padded(rows: Rows, spec: ImageInput): Uint8Array {
  const { channels } = rows;
  const shape = rows.width / rows.height, wanted = spec.width / spec.height;
  let { width, height } = spec;
  if (shape > wanted) height = Math.max(1, round((rows.height / rows.width) * width));
  else if (shape < wanted) width = Math.max(1, round(shape * height));
  const box = [0, 0, rows.width, rows.height] as const;
  const small = resize(rows, box, all(width), all(height), spec.resize.filter);

  const background = channels === 1 ? [luma(...spec.background)] : spec.background;
  const bytes = new Uint8Array(spec.width * spec.height * channels);
  for (let i = 0; i < bytes.length; i++) bytes[i] = background[i % channels]!;
  const left = round((spec.width - width) / 2), top = round((spec.height - height) / 2);
  for (let y = 0, pitch = width * channels; y < height; y++) {
    const line = small.subarray(y * pitch, (y + 1) * pitch);
    bytes.set(line, ((top + y) * spec.width + left) * channels);
  }
  return bytes;
}

/** torchvision's Resize(shorter) and CenterCrop, of which only what is cut out is computed. */
function cutOut(rows: Rows, spec: ImageInput, shorter: number): Uint8Array {
  const { width, height } = rows;
  const longer = Math.trunc((shorter * Math.max(width, height)) / Math.min(width, height));
  const across = middle(spec.width, width <= height ? shorter : longer);
  const down = middle(spec.height, width <= height ? longer : shorter);
  return resize(rows, [0, 0, width, height], across, down, spec.resize.filter);
}

/** What the model sees: height x width x channels bytes, colours in the order of RGB. */
export function see(picture: Picture, spec: ImageInput): Uint8Array {
  const rows = flatten(picture, spec);
  const { fit, filter, shorter } = spec.resize;
  if (WITH_CENTRE && spec.centre) return centre(rows, spec.width, spec.height, spec.centre.size, filter);
  if (shorter) return cutOut(rows, spec, shorter);
  if (fit === "crop") return cropped(rows, spec);
  if (fit === "contain") return padded(rows, spec);
  const box = [0, 0, rows.width, rows.height] as const;
  return resize(rows, box, all(spec.width), all(spec.height), filter);
}

/** What the model sees as a picture to show. */
export function show(seen: Uint8Array, { width, height, color }: ImageInput): Picture {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  const step = color === "GRAY" ? 0 : 1;
  for (let to = 0, from = 0; to < rgba.length; to += 4) {
    rgba[to] = seen[from]!;
    rgba[to + 1] = seen[from += step]!;
    rgba[to + 2] = seen[from += step]!;
    from++;
  }
  return { width, height, rgba };
}

/** (byte * scale - mean) / std of every byte and channel, each step rounded to float32. */
export function normalization({ scale, mean, std }: ImageInput): Float32Array {
  const { fround } = Math;
  return Float32Array.from({ length: mean.length * 256 }, (_, i) => {
    const scaled = fround((i & 255) * fround(scale));
    return fround(scaled - fround(mean[i >> 8]!)) / fround(std[i >> 8]!);
  });
}

/**
 * Write what the model sees into the array it is fed with, in its layout and colour order.
 *
 * @param table the result of `normalization`, or null to write the bytes themselves
 */
export function write(
  seen: Uint8Array, spec: ImageInput, table: Float32Array | null, target: Float32Array | Uint8Array,
): void {
  const channels = spec.color === "GRAY" ? 1 : 3;
  const plane = spec.width * spec.height;
  const [step, pitch] = spec.layout === "NCHW" ? [1, plane] : [channels, 1];
  for (let c = 0; c < channels; c++) {
    let from = spec.color === "BGR" ? 2 - c : c;
    for (let i = 0, to = c * pitch; i < plane; i++, from += channels, to += step) {
      target[to] = table ? table[c * 256 + seen[from]!]! : seen[from]!;
    }
  }
}
