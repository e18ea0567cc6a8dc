/**
 * The manifest of a compiled model, as `generator/edgesite/targets/manifest.py` writes it.
 * Types only: this file leaves nothing in a bundle.
 */

import type { Activation, ImageInput } from "./page";

export type Target = "simd" | "relaxed";

/**
 * numpy's names; float16 and bfloat16 travel as their raw bits, bool as one byte, and types of
 * eight bits and fewer, such as float8_e4m3fn and int4, as a byte per element; strings as their
 * numbers in the manifest's list.
 */
export type DType =
  | "bfloat16" | "float16" | "float32" | "float64"
  | "int8" | "int16" | "int32" | "int64"
  | "uint8" | "uint16" | "uint32" | "uint64"
  | "bool" | "string";

/** A tensor at a fixed place of the module's memory, in ONNX's own row-major layout. */
export interface TensorPlace {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Bytes from the start of memory. */
  readonly offset: number;
  readonly size_bytes: number;
  /** Axes whose size follows from the data: where the int64 lies that tells it. */
  readonly counts?: Readonly<Record<number, number>>;
}

export interface FileEntry {
  /** Relative to the folder of the manifest. */
  readonly file: string;
  readonly size_bytes: number;
  readonly sha256: string;
}

/** A function of strings, which a module knows by number only. */
export interface TextStep {
  readonly function: "concat" | "match" | "normalize" | "split";
  /** Strings of an input or of a step before, by name, or else always the same ones. */
  readonly operands: readonly {
    readonly name: string;
    readonly texts: readonly string[];
    readonly shape: readonly number[];
  }[];
  /** Where its answers go, as if they were inputs. */
  readonly outputs: readonly TensorPlace[];
  readonly options: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** A model for one set of shapes. */
export interface Binding {
  readonly inputs: readonly TensorPlace[];
  readonly outputs: readonly TensorPlace[];
  /** Inputs that are outputs of the run before, and never leave the module's memory. */
  readonly state?: readonly (TensorPlace & { readonly output: string })[];
  /** What the numbers in tensors of strings stand for; others that are met get the next ones. */
  readonly strings: readonly string[];
  /** What the model takes and gives as lists of tensors, and how long they are. */
  readonly input_lists?: Readonly<Record<string, number>>;
  readonly output_lists?: Readonly<Record<string, number>>;
  /** What is made of strings before a run, in order. */
  readonly texts: readonly TextStep[];
  readonly memory_pages: number;
  /** Whether a run is over in a moment, whatever it is given. */
  readonly brief?: boolean;
  readonly modules: Readonly<Record<Target, FileEntry>>;
  /** What several threads run instead: as much memory more for each, in pages. */
  readonly threads?: {
    readonly modules: Readonly<Record<Target, FileEntry>>;
    readonly pages: number;
  } | null;
}

/** The `Classification` of tasks/classification.py: how pictures go in and labels come out. */
export interface Classification {
  readonly input: ImageInput;
  /** The output with a number per class. */
  readonly output: string;
  readonly activation: Activation;
  readonly labels: readonly string[];
}

export interface Manifest extends Binding {
  readonly format: number;
  readonly edgesite: string;
  readonly weights: FileEntry & {
    readonly offset: number;
    /** How many of the numbers are stored in which form, where not all are as computed with. */
    readonly forms: Readonly<Record<string, number>>;
    /** Where `decode()` puts them, in these cases. */
    readonly decoded: { readonly offset: number; readonly size_bytes: number } | null;
  };
  /** The same model for other shapes, with the same weights. */
  readonly bindings?: readonly Binding[];
  /** Where the model belongs to a demo. */
  readonly task?: Classification | null;
  readonly source: {
    readonly sha256: string;
    readonly opset: number;
    readonly parameters: number;
    readonly macs: number;
  };
}
