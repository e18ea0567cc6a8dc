/** The answer as a picture to keep or send: drawn here, in the colours and type of the page. */

import { download } from "./download";
import { element } from "./elements";

const WIDTH = 1200, HEIGHT = 675;
const EDGE = 48;
/** The picture's square. */
const SIDE = HEIGHT - 2 * EDGE;
const LEFT = EDGE + SIDE + EDGE;
const ROOM = WIDTH - EDGE - LEFT;
/** From row to row of the bars. */
const ROW = 68;

type Size = readonly [width: number, height: number];

/** What the frame shows, and its size. */
function shown(): [CanvasImageSource, Size] | null {
  const mode = element("stage").dataset["mode"];
  if (mode === "drawing") {
    const pad = element<HTMLCanvasElement>("pad");
    return [pad, [pad.width, pad.height]];
  }
  if (mode === "camera") {
    const video = element<HTMLVideoElement>("video");
    return [video, [video.videoWidth, video.videoHeight]];
  }
  const image = element<HTMLImageElement>("shown");
  return image.hidden ? null : [image, [image.naturalWidth, image.naturalHeight]];
}

function draw(): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d")!;
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const font = (of: Element, size: number): string => {
    const { fontWeight, fontFamily } = getComputedStyle(of);
    return `${fontWeight} ${size}px ${fontFamily}`;
  };
  canvas.width = WIDTH;
  canvas.height = HEIGHT;

  /** As much of a text as there is room for. */
  const fit = (text: string, room: number): string => {
    if (pen.measureText(text).width <= room) return text;
    let length = text.length;
    while (length && pen.measureText(`${text.slice(0, length).trimEnd()}…`).width > room) length--;
    return `${text.slice(0, length).trimEnd()}…`;
  };
  const write = (text: string, x: number, y: number, room: number, ink: string): void => {
    pen.fillStyle = colour(ink);
    pen.fillText(fit(text, room), x, y);
  };
  const box = (x: number, y: number, width: number, height: number, ink: string): void => {
    pen.fillStyle = colour(ink);
    pen.fillRect(x, y, width, height);
  };

  box(0, 0, WIDTH, HEIGHT, "--paper");
  box(EDGE, EDGE, SIDE, SIDE, "--well");
  const picture = shown();
  if (picture) {
    const [source, [width, height]] = picture;
    const scale = Math.min(SIDE / width, SIDE / height);
    const w = width * scale, h = height * scale;
    pen.imageSmoothingEnabled = width >= 128;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(source, EDGE + (SIDE - w) / 2, EDGE + (SIDE - h) / 2, w, h);
  }

  const heading = document.querySelector("h1")!;
  pen.font = font(heading, 38);
  const lines = [""];
  for (const word of heading.textContent!.split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width > ROOM && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  // The second line takes what would need a third, and is cut.
  const title = [lines[0]!, lines.slice(1).join(" ")];
  title.forEach((line, at) => write(line, LEFT, EDGE + 32 + at * 44, ROOM, "--ink"));

  const rows = Array.from(element<HTMLTableElement>("answer").tBodies[0]!.rows)
    .filter((row) => !row.ariaHidden).slice(0, 5);
  rows.forEach((row, at) => {
    const y = EDGE + 150 + at * ROW;
    const [label, number] = Array.from(row.cells, (cell) => cell.textContent!.trim()) as [string, string];
    pen.font = font(row.cells[0]!, at ? 24 : 32);
    const taken = pen.measureText(number).width;
    write(label, LEFT, y, ROOM - taken - 24, "--ink");
    pen.textAlign = "right";
    write(number, WIDTH - EDGE, y, ROOM, "--ink");
    pen.textAlign = "left";
    const share = parseFloat(row.querySelector(".fill")!.getAttribute("width")!) / 100;
    box(LEFT, y + 14, ROOM, 8, "--well");
    pen.globalAlpha = at ? 0.55 : 1;
    box(LEFT, y + 14, ROOM * share, 8, "--accent");
    pen.globalAlpha = 1;
  });

  pen.font = font(document.body, 20);
  write(location.protocol === "file:" ? "" : location.host + location.pathname, LEFT, HEIGHT - EDGE, ROOM, "--soft");
  return canvas;
}

export function enableCard(): void {
  element("save-picture").onclick = () =>
    draw().toBlob((file) => download("answer.png", file!), "image/png");
}
