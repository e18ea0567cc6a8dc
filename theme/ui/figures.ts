/** How numbers are written, the same as in `site/figures.py`. */

/** A narrow space that does not break. */
const SPACE = "\u202f";

export function percent(share: number): string {
  const text =
    share === 0 || share === 1 ? `${share * 100}`
    : share < 0.0005 ? "<0.1"
    : share >= 0.9995 ? ">99.9"
    : (share * 100).toFixed(1);
  return `${text}${SPACE}%`;
}

export function thousands(bytes: number): string {
  return bytes < 10_000 ? (bytes / 1000).toFixed(1) : Math.round(bytes / 1000).toLocaleString("en");
}

export function kilobytes(bytes: number): string {
  return `${thousands(bytes)}${SPACE}kB`;
}

/** Tenths of a millisecond are what browsers measure at best. */
export function milliseconds(time: number): string {
  const text = time < 0.1 ? "<0.1" : time < 100 ? time.toFixed(1) : time.toFixed(0);
  return `${text}${SPACE}ms`;
}
