/** The drawing pad: strokes by mouse, pen or finger, read again with every point. */

import type { PageData } from "../runtime/page";
import { element } from "./elements";
import { type Given, type Stage, showMode } from "./stage";

type Point = readonly [x: number, y: number];

export function enableDrawing({ input, examples }: PageData, stage: Stage): void {
  const pad = element<HTMLCanvasElement>("pad");
  if (!pad) return;

  const context = pad.getContext("2d", { willReadFrequently: true })!;
  const [red, green, blue] = input.background;
  const isDark = red * 0.3 + green * 0.59 + blue * 0.11 < 128;
  let strokes: Point[][] = [];
  let drawing: Given | null = null;

  /** Where the pointer is on the paper, which fills the pad as far as its shape allows. */
  function locate(event: PointerEvent): Point {
    const { width, height, left, top } = pad.getBoundingClientRect();
    const scale = Math.min(width / pad.width, height / pad.height);
    return [
      (event.clientX - left - width / 2) / scale + pad.width / 2,
      (event.clientY - top - height / 2) / scale + pad.height / 2,
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
      context.moveTo(...stroke[0]!);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
  }

  function give(): void {
    drawing ??= {
      show: () => showMode("drawing", "Your drawing"),
      source() {
        const { width, height, data } = context.getImageData(0, 0, pad.width, pad.height);
        return { width, height, rgba: data };
      },
    };
    stage.give(drawing);
  }

  function begin(): void {
    strokes = [];
    drawing = null;
    paint();
    showMode("drawing", "Draw here");
    stage.clear("Nothing drawn yet");
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
}
