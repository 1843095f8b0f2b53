// A curve as SVG, drawn here: band from minimum to maximum, line of the mean, nothing where there are no readings. Colours come
// from the classes of the page that it stands in, so it follows light and dark.

import { timeMarks, valueScale, type ValueScale } from './chart-axes.ts';
import type { Span } from './down-time.ts';
import { escapeMarkup } from './escape-markup.ts';
import type { LocalCalendar } from './local-time.ts';
import type { CurvePoint } from './report-subject.ts';
import type { ReportText } from './report-text.ts';

const WIDTH = 720;
const HEIGHT = 200;
/** Beside the value axis. */
const VALUE_LABEL_CHARS = 9;
const PLOT = { left: 64, right: 708, top: 22, bottom: 172 };
/** Of the usual distance of two points: what lies farther apart is not joined. */
const JOINED_DISTANCES = 1.5;

export interface ChartOptions {
  points: readonly CurvePoint[];
  bucketMs: number;
  span: Span;
  unit: string | null;
  /** Read out instead of the curve. */
  label: string;
  calendar: LocalCalendar;
  text: ReportText;
}

/** @param options with at least one point. */
export function drawChart({ points, bucketMs, span, unit, label, calendar, text }: ChartOptions): string {
  const scale = valueScale(
    points.reduce((low, [, , min]) => Math.min(low, min), Infinity),
    points.reduce((high, [, , , max]) => Math.max(high, max), -Infinity),
  );
  const lengthMs = span.toMs - span.fromMs;
  const x = (ms: number): number =>
    PLOT.left + (PLOT.right - PLOT.left) * Math.min(1, Math.max(0, (ms - span.fromMs) / lengthMs));
  const y = (value: number): number =>
    PLOT.bottom - ((PLOT.bottom - PLOT.top) * (value - scale.from)) / (scale.to - scale.from);
  // A bucket stands for its whole length, so its point stands in the middle.
  const middle = (ms: number): number => x(Math.min(ms + bucketMs / 2, span.toMs));
  const runs = joined(points, bucketMs);
  return [
    `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeMarkup(label)}">`,
    valueAxis(scale, y, text),
    ...timeMarks(span, calendar, text).map(({ ms, text: mark }) => timeMark(x(ms), mark)),
    unit === null ? '' : `<text class="unit" x="${PLOT.left - 8}" y="12">${escapeMarkup(unit)}</text>`,
    ...runs.map((run) => drawRun(run, middle, y)),
    '</svg>',
  ].join('');
}

/** Stretches without a gap. A sensor that sends more seldom than buckets come is joined over those that it leaves empty. */
export function joined(points: readonly CurvePoint[], bucketMs: number): CurvePoint[][] {
  const distances = points.slice(1).map(([ms], index) => ms - (points[index]?.[0] ?? ms));
  const usual = distances.toSorted((a, b) => a - b)[Math.floor(distances.length / 2)] ?? bucketMs;
  const reachMs = JOINED_DISTANCES * Math.max(bucketMs, usual);
  const runs: CurvePoint[][] = [];
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    if (point[0] - lastMs > reachMs) runs.push([]);
    runs.at(-1)?.push(point);
    lastMs = point[0];
  }
  return runs;
}

function valueAxis(scale: ValueScale, y: (value: number) => number, text: ReportText): string {
  const labels = valueLabels(scale, text);
  return scale.marks
    .map((mark, index) => {
      const at = short(y(mark));
      return (
        `<path class="grid" d="M${PLOT.left} ${at}H${PLOT.right}"/>` +
        `<text class="value" x="${PLOT.left - 8}" y="${short(y(mark) + 4)}">${labels[index]}</text>`
      );
    })
    .join('');
}

/** With exponents where the place beside the axis does not do: of as many digits as tell the marks apart. */
function valueLabels({ marks, digits }: ValueScale, text: ReportText): string[] {
  const write = (options: Intl.NumberFormatOptions): string[] =>
    marks.map((mark) => new Intl.NumberFormat(text.language, options).format(mark));
  const plain = write({ minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (plain.every((label) => label.length <= VALUE_LABEL_CHARS)) return plain;
  const [highest, step] = [Math.max(...marks.map(Math.abs)), (marks[1] ?? 0) - (marks[0] ?? 0)];
  const told = Math.floor(Math.log10(highest)) - Math.floor(Math.log10(step));
  return write({ notation: 'scientific', maximumFractionDigits: Math.min(12, Math.max(0, told)) });
}

function timeMark(x: number, mark: string): string {
  return (
    `<path class="grid" d="M${short(x)} ${PLOT.top}V${PLOT.bottom + 4}"/>` +
    `<text class="when" x="${short(x)}" y="${PLOT.bottom + 18}">${escapeMarkup(mark)}</text>`
  );
}

function drawRun(
  run: readonly CurvePoint[],
  x: (ms: number) => number,
  y: (value: number) => number,
): string {
  const [first] = run;
  if (first && run.length === 1) return drawDot(first, x, y);
  const along = (value: (point: CurvePoint) => number, points: readonly CurvePoint[]): string =>
    points.map((point) => `${short(x(point[0]))} ${short(y(value(point)))}`).join('L');
  const band = `M${along(([, , , max]) => max, run)}L${along(([, , min]) => min, run.toReversed())}Z`;
  return `<path class="band" d="${band}"/><path class="line" d="M${along(([, mean]) => mean, run)}"/>`;
}

function drawDot(
  [ms, mean, min, max]: CurvePoint,
  x: (ms: number) => number,
  y: (value: number) => number,
): string {
  const at = short(x(ms));
  return `<path class="whisker" d="M${at} ${short(y(max))}V${short(y(min))}"/><circle class="dot" cx="${at}" cy="${short(y(mean))}" r="2"/>`;
}

/** A tenth of a pixel is finer than anybody sees. */
function short(pixels: number): string {
  return String(Math.round(pixels * 10) / 10);
}
