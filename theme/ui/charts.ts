/** Two small charts, each one path in an SVG of 100 by 24 units. */

import { milliseconds } from "./figures";

const WIDTH = 100;
const HEIGHT = 24;

/** The value below which this share of all lies; the middle of the two at a half. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (sorted.length - 1) * share, below = Math.floor(at);
  const low = sorted[below]!, high = sorted[Math.ceil(at)]!;
  return low + (high - low) * (at - below);
}

const draw = (svg: Element, path: string): void =>
  svg.firstElementChild!.setAttribute("d", path);

/** A line through the values, oldest on the left; the largest one touches the top. */
export function sparkline(svg: Element, values: readonly number[]): void {
  const top = Math.max(...values) || 1;
  const points = values.map((value, at) => {
    const x = values.length > 1 ? (at / (values.length - 1)) * WIDTH : 0;
    return `${x.toFixed(1)} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)}`;
  });
  draw(svg, `M${points.join("L")}`);
}

/** How often values occur, in bins from the smallest to the largest. */
export function histogram(svg: Element, values: readonly number[], bins: number): void {
  const low = Math.min(...values), high = Math.max(...values);
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) {
    counts[Math.min(Math.floor(((value - low) / (high - low || 1)) * bins), bins - 1)]!++;
  }
  const unit = (HEIGHT - 1) / Math.max(...counts), step = WIDTH / bins;
  const bars = counts.map((count, at) =>
    count ? `M${at * step} ${HEIGHT}v${-count * unit}h${step * 0.8}v${count * unit}z` : "",
  );
  draw(svg, bars.join(""));
}

/** The middle and the slow end of some times. */
export const summary = (times: readonly number[]): { median: string; slow: string; count: number } => ({
  median: milliseconds(quantile(times, 0.5)),
  slow: milliseconds(quantile(times, 0.9)),
  count: times.length,
});
