/** The drawing pad: strokes by mouse, pen or finger, read again with every point. */

import type { PageData } from "../runtime/page";
import { words } from "../runtime/words";
import { element } from "./elements";
import { type Given, type Stage, showMode } from "./stage";
import { decode, encode, GRID, type Point } from "./strokes";

/** @returns what draws anew what the address of the page holds, if it holds a drawing */
export function enableDrawing(
  { input, examples }: PageData, stage: Stage,
): ((hash: URLSearchParams) => boolean) | undefined {
  const pad = element<HTMLCanvasElement>("pad");
  if (!pad) return undefined;

  const context = pad.getContext("2d", { willReadFrequently: true })!;
  const [red, green, blue] = input.background;
  const isDark = red * 0.3 + green * 0.59 + blue * 0.11 < 128;
  let strokes: Point[][] = [];
  let drawing: Given | null = null;

  const unit = Math.max(pad.width, pad.height) / GRID;

  /** Where the pointer is on the paper, which fills the pad as far as its shape allows. */
  function locate(event: PointerEvent): Point {
    const { width, height, left, top } = pad.getBoundingClientRect();
    const scale = Math.min(width / pad.width, height / pad.height) * unit;
    const place = (from: number, size: number, paper: number): number => {
      const at = Math.round((from - size / 2) / scale + paper / 2 / unit);
      return Math.min(Math.max(at, 0), GRID - 1);
    };
    return [
      place(event.clientX - left, width, pad.width), place(event.clientY - top, height, pad.height),
    ];
  }

  function paint(): void {
    context.fillStyle = `rgb(${input.background})`;
    context.fillRect(0, 0, pad.width, pad.height);
    context.strokeStyle = isDark ? "#fff" : "#000";
    // About the pen that the digits of MNIST were written with, seen from the pad's size.
    context.lineWidth = Math.min(pad.width, pad.height) / 14;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      // From its first point to the same one: a stroke of one point is a dot.
      context.moveTo(stroke[0]![0] * unit, stroke[0]![1] * unit);
      for (const [x, y] of stroke) context.lineTo(x * unit, y * unit);
      context.stroke();
    }
  }

  function give(): void {
    drawing ??= {
      show: () => showMode("drawing", words.draw.yours),
      hash: () => `draw=${encode(strokes)}`,
      source() {
        const { width, height, data } = context.getImageData(0, 0, pad.width, pad.height);
        return { width, height, rgba: data };
      },
    };
    void stage.give(drawing);
  }

  function begin(): void {
    strokes = [];
    drawing = null;
    paint();
    showMode("drawing", words.draw.invite);
    stage.clear(words.draw.nothing);
  }

  function undo(): void {
    strokes.pop();
    if (strokes.length) {
      paint();
      give();
    } else {
      begin();
    }
  }

  const isOnStage = (): boolean => element("stage").dataset["mode"] === "drawing";

  pad.onpointerdown = (event) => {
    if (event.button || !event.isPrimary) return;
    if (!isOnStage()) begin();
    pad.setPointerCapture(event.pointerId);
    strokes.push([locate(event)]);
    paint();
    give();
  };
  pad.onpointermove = (event) => {
    if (!event.isPrimary || !pad.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1)?.push(...(events.length ? events : [event]).map(locate));
    paint();
    give();
  };
  element("draw").onclick = element("clear").onclick = begin;
  element("undo").onclick = undo;
  if (!examples.length) begin();
  return (hash) => {
    const drawn = decode(hash.get("draw") ?? "");
    if (!drawn) return false;
    begin();
    strokes = drawn.map((stroke) => [...stroke]);
    paint();
    give();
    return true;
  };
}
