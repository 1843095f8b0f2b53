// A line over time with its band of minimum and maximum, drawn by uPlot. Owns the plot; colours come from the tokens.

import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { formatClockShort, formatDay, formatValue } from '../i18n/format.ts';
import type { Language } from '../i18n/language.ts';
import { useLanguage } from '../state/hooks.ts';
import { preferences } from '../state/preferences.ts';
import { useStore } from '../state/store.ts';
import { linesOf } from './series.ts';
import type { History } from './use-series.ts';

const HEIGHT = 168;
const DAY_MS = 86_400_000;

export interface ChartPoint {
  atMs: number;
  value: number;
}

export interface ChartProps {
  history: History;
  label: string;
  /** The point under the pointer. */
  onPoint: (point: ChartPoint | undefined) => void;
}

export function Chart({ history, label, onPoint }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const newest = useRef(history);
  const language = useLanguage();
  const theme = useStore(preferences, (value) => value.theme);

  useEffect(() => {
    newest.current = history;
    if (plot.current !== undefined) draw(plot.current, history);
  }, [history]);

  useEffect(() => {
    const target = box.current;
    if (target === null) return;
    const systemTheme = window.matchMedia('(prefers-color-scheme: dark)');
    const build = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(
        optionsOf(target, language, () => newest.current, onPoint),
        [[], [], [], []],
        target,
      );
      draw(plot.current, newest.current);
    };
    const resize = new ResizeObserver(() =>
      plot.current?.setSize({ width: target.clientWidth, height: HEIGHT }),
    );
    build();
    resize.observe(target);
    systemTheme.addEventListener('change', build);
    return () => {
      resize.disconnect();
      systemTheme.removeEventListener('change', build);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [language, theme, onPoint]);

  return <div ref={box} className="chart" role="img" aria-label={label} data-testid="sensor-chart" />;
}

function draw(plot: uPlot, { columns, bucketMs, fromMs, toMs }: History): void {
  plot.batch(() => {
    plot.setData(linesOf(columns, bucketMs), false);
    plot.setScale('x', { min: fromMs / 1000, max: toMs / 1000 });
  });
}

function optionsOf(
  target: HTMLElement,
  language: Language,
  history: () => History,
  onPoint: ChartProps['onPoint'],
): uPlot.Options {
  const color = colorsOf(target);
  const edge = { stroke: 'transparent', points: { show: false } };
  const axis = { stroke: color('--chart-text'), font: `11px ${getComputedStyle(target).fontFamily}` };
  const grid = { stroke: color('--chart-grid'), width: 1 };
  return {
    width: target.clientWidth,
    height: HEIGHT,
    // On the right, half of a label of the time axis.
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (_plot, min, max) => padded(min, max) } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        ticks: { show: false },
        space: 64,
        size: 24,
        gap: 4,
        values: (_plot, ticks) => ticks.map((at) => tickText(at * 1000, history(), language)),
      },
      {
        ...axis,
        grid,
        ticks: { show: false },
        space: 36,
        size: 46,
        gap: 6,
        values: (_plot, ticks) => ticks.map((value) => formatValue(value, language)),
      },
    ],
    series: [{}, { stroke: color('--chart-1'), width: 1.75, points: alone(color('--chart-1')) }, edge, edge],
    bands: [{ series: [3, 2], fill: color('--chart-band') }],
    hooks: { setCursor: [(plot) => onPoint(pointAt(plot))] },
  };
}

/** One value makes no line. */
function alone(fill: string): uPlot.Series.Points {
  return { show: (plot) => plot.data[0].length === 1, size: 6, fill };
}

function pointAt({ cursor, data }: uPlot): ChartPoint | undefined {
  const index = cursor.idx;
  if (index === null || index === undefined) return undefined;
  const at = data[0][index];
  const value = data[1]?.[index];
  return at === undefined || value === undefined || value === null ? undefined : { atMs: at * 1000, value };
}

function tickText(atMs: number, { fromMs, toMs }: History, language: Language): string {
  const isLong = toMs - fromMs > 2 * DAY_MS;
  return isLong ? formatDay(atMs, language) : formatClockShort(atMs, language);
}

/** A tenth of room above and below; a flat line is put in the middle. */
function padded(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  const room = max === min ? Math.max(1, Math.abs(max) * 0.05) : (max - min) * 0.12;
  return [min - room, max + room];
}

/** A canvas needs plain colours: tokens are resolved by way of an element that uses them. */
function colorsOf(target: HTMLElement): (token: string) => string {
  const probe = document.createElement('span');
  target.append(probe);
  const resolved = new Map<string, string>();
  for (const token of ['--chart-1', '--chart-band', '--chart-grid', '--chart-text']) {
    probe.style.color = `var(${token})`;
    resolved.set(token, getComputedStyle(probe).color);
  }
  probe.remove();
  return (token) => resolved.get(token) ?? 'currentColor';
}
