/**
 * The camera: answered as fast as the model can, one frame after the other, or stopped to keep
 * one. A frame is taken only when the answer to the one before it is there.
 */

import { fill, words } from "../runtime/words";
import { element } from "./elements";
import { frequency, milliseconds } from "./figures";
import { type Given, type Stage, complain, picture, showMode } from "./stage";

/** How often the numbers above the bars change, in milliseconds: often enough to be read. */
const CALM = 500;

export function enableCamera(stage: Stage): void {
  const video = element<HTMLVideoElement>("video");
  if (!video) return;
  const turn = element("turn");
  let stream: MediaStream | null = null;
  let facing: "environment" | "user" = "environment";

  const live: Given = {
    show: () => showMode("camera", words.camera.live),
    source: () => createImageBitmap(video),
    pace,
    leave: close,
  };

  let frames = 0;
  let since = 0;
  let line = "";
  function pace(ms: number): string {
    const now = performance.now();
    frames++;
    if (now - since > CALM) {
      const rate = (frames * 1000) / (now - since);
      const each = fill(words.camera.each, { time: milliseconds(ms) });
      line = (since ? fill(words.camera.rate, { rate: frequency(rate) }) : "") + each;
      frames = 0;
      since = now;
    }
    return line;
  }

  function close(): void {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = video.srcObject = null;
  }

  async function open(): Promise<void> {
    close();
    if (!navigator.mediaDevices) {
      return complain({ message: words.camera.insecure });
    }
    const size = { width: { ideal: 640 }, height: { ideal: 480 } };
    try {
      const opened = await navigator.mediaDevices.getUserMedia({
        video: { ...size, facingMode: facing },
      });
      close();
      stream = video.srcObject = opened;
      await video.play();
    } catch (error) {
      const { name, message } = error as Error;
      const known = (words.camera as Readonly<Record<string, string>>)[name];
      return complain({ message: known ?? fill(words.camera.other, { reason: message }) });
    }
    const track = stream.getVideoTracks()[0]!;
    // People expect a mirror from a camera that looks at them; the model gets the true picture.
    video.classList.toggle("mirrored", track.getSettings().facingMode === "user");
    track.onended = () => complain({ message: words.camera.gone });
    const cameras = await navigator.mediaDevices.enumerateDevices();
    turn.hidden = cameras.filter(({ kind }) => kind === "videoinput").length < 2;
    since = 0;
    void follow(stream);
  }

  async function follow(mine: MediaStream): Promise<void> {
    while (stream === mine) {
      await stage.give(live);
      await new Promise((done) => video.requestVideoFrameCallback(done));
    }
  }

  /** The frame as a picture of its own, on which the camera stops. */
  function keep(): void {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")!.drawImage(video, 0, 0);
    canvas.toBlob((file) => void stage.give(picture(file!, words.camera.taken)));
  }

  element("camera").onclick = () => void open();
  element("keep").onclick = keep;
  turn.onclick = () => {
    facing = facing === "user" ? "environment" : "user";
    void open();
  };
}
