/**
 * The seam between a demo page, its script and its worker. Types only.
 *
 * `site/render.py` writes `PageData` as JSON into `<script type="application/json"
 * id="edgesite-demo">`; `ui/page.ts` reads it and hands it to `createPredictor`.
 * Every URL in it is relative to the page.
 */

import type { Manifest, Target } from "./manifest";
import type { Words } from "./words";

export type { Target };

export type Filter = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** The `ImageInput` of `tasks/inputs.py`: how a picture becomes the model's input. */
export interface ImageInput {
  /** The name of the model's input. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Further sizes of the model, width and height. */
  readonly others: readonly (readonly [number, number])[];
  readonly layout: "NCHW" | "NHWC";
  readonly color: "RGB" | "BGR" | "GRAY";
  readonly dtype: "float32" | "uint8";
  readonly resize: {
    readonly fit: "crop" | "contain" | "stretch";
    readonly filter: Filter;
    /** Bring the shorter side to this many pixels, then cut the centre; takes the place of fit. */
    readonly shorter: number | null;
  };
  /** RGB behind transparent pixels and beside a contained picture. */
  readonly background: readonly [number, number, number];
  /** Value = (byte * scale - mean) / std; mean and std per channel in the order of `color`. */
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Centre a drawing's ink, `size` pixels long, as MNIST did; takes the place of resize.fit. */
  readonly centre: { readonly size: number } | null;
}

export type Activation = "softmax" | "sigmoid" | "none";

/** Ways to give a picture; a bundle may know more of them than a page has switched on. */
export type InputKind = "upload" | "draw" | "paste" | "url" | "camera";

/** Index into `labels`, probability. */
export type Answer = readonly [index: number, probability: number];

export interface ExampleData {
  readonly name: string;
  readonly caption: string;
  readonly url: string;
  readonly width: number;
  readonly height: number;
  /** What the model sees of it, as a picture. */
  readonly seen: string;
  /** The top answers computed by the build, best first. */
  readonly answers: readonly Answer[];
}

export interface ProofData {
  readonly samples: number;
  readonly max_difference: number;
  readonly top1_agreement: number;
  /** Where weights are rounded: the largest difference of the same modules without that. */
  readonly code_difference: number | null;
  readonly onnxruntime: string;
  readonly targets: readonly Target[];
}

export type Bytes = Readonly<Record<Target, Readonly<Record<string, number>>>>;

export interface PageData {
  readonly manifest: Manifest;
  /** Folder of the model's files: empty, or ending in a slash. */
  readonly base: string;
  /** The worker's script. */
  readonly worker: string;
  /** The worker that frames of one page share; null where everything is in one file. */
  readonly shared: string | null;
  /** The script of what few visitors use. */
  readonly tools: string;
  /** The script of pages that stand in frames. */
  readonly frame: string | null;
  /** The script that others embed demos with. */
  readonly embed: string | null;
  /** The script of other threads, where the model has something for them. */
  readonly helper?: string | null;
  /** What its scripts say; of the ways to give a picture, what those switched on say. */
  readonly words: Words;
  readonly input: ImageInput;
  /** The model's output with a number per label. */
  readonly output: string;
  readonly labels: readonly string[];
  readonly activation: Activation;
  readonly top: number;
  readonly threshold: number | null;
  readonly examples: readonly ExampleData[];
  readonly inputs: readonly InputKind[];
  readonly proof: ProofData;
  /** Bytes the page makes a visitor load, by the element that shows them: "code-gzip" ... */
  readonly bytes: Bytes & { readonly threads: Bytes | null };
}

/** Straight (not premultiplied) RGBA, 8 bits each, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray;
}

/** What can be predicted on. A file is decoded in the worker; an ImageBitmap is given away. */
export type Source = Blob | ImageBitmap | Picture;

/** Of the numbers that the model is fed. */
export interface Statistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
}

/** A square of the model's input, in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

export interface Ready {
  /** Whether this browser changes the pixels that scripts read, to keep visitors from tracking. */
  readonly falsified: boolean;
}

export interface Prediction {
  /** One value per label, after the activation. */
  readonly values: Float32Array;
  /** What the model sees. */
  readonly seen: Picture;
  readonly statistics: Statistics;
  /** Milliseconds. */
  readonly ms: { readonly decode: number; readonly prepare: number; readonly run: number };
  readonly target: Target;
  /** How many have shared the work, where there can be several. */
  readonly threads: number | undefined;
}

/** What the methods of Predictor of the same names ask the worker for. */
export type Request =
  | { readonly predict: Source }
  | { readonly time: number }
  | { readonly hold: Source }
  | { readonly cover: Box };

export interface Predictor {
  /** Settles when the model is loaded; rejects with a sentence for the visitor. */
  readonly ready: Promise<Ready>;
  /**
   * Predictions run one after the other, in the order asked for. Rejects with an `Error`
   * whose message is a sentence for the visitor; the predictor stays usable.
   */
  predict(source: Source): Promise<Prediction>;
  /** Run the model again so many times, as it was fed last: milliseconds of one run. */
  time(count: number): Promise<number>;
  /** Keep a picture, to ask what the model makes of it with parts covered. */
  hold(source: Source): Promise<void>;
  cover(box: Box): Promise<Float32Array>;
}

/** Bytes of the model's files so far, and of all of them. */
export type Progress = (loaded: number, total: number) => void;
