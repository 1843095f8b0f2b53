// `demo:NAME`: a scene drawn by ffmpeg's filters, with a clock and the camera's name. Hills and sky are computed once and held;
// only clouds, a car and the text are drawn for each picture, so that a demo camera costs little on a gateway.

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

export const DEMO_FPS = 15;
const WIDTH = 960;
const HEIGHT = 540;
const HORIZON_Y = 300;
const ROAD_Y = 452;
// One drawn picture, held for ever at the frame rate.
const HOLD = `loop=loop=-1:size=1:start=0,setpts=N/(${DEMO_FPS}*TB)`;

type Rgb = readonly [red: number, green: number, blue: number];
interface Theme {
  skyTop: Rgb;
  skyLow: Rgb;
  sun: Rgb;
  farHills: Rgb;
  nearHills: Rgb;
  cloud: Rgb;
}

const THEMES: readonly Theme[] = [
  { skyTop: [74, 144, 217], skyLow: [196, 226, 247], sun: [255, 240, 196], farHills: [120, 160, 150], nearHills: [82, 128, 84], cloud: [255, 255, 255] }, // prettier-ignore
  { skyTop: [62, 52, 110], skyLow: [246, 158, 104], sun: [255, 214, 140], farHills: [110, 72, 104], nearHills: [70, 52, 80], cloud: [250, 200, 180] }, // prettier-ignore
  { skyTop: [16, 24, 52], skyLow: [52, 72, 116], sun: [226, 230, 240], farHills: [36, 50, 78], nearHills: [24, 36, 52], cloud: [96, 108, 140] }, // prettier-ignore
  { skyTop: [122, 176, 190], skyLow: [244, 232, 206], sun: [255, 250, 226], farHills: [168, 178, 150], nearHills: [136, 140, 92], cloud: [255, 252, 244] }, // prettier-ignore
  { skyTop: [150, 172, 192], skyLow: [222, 230, 236], sun: [250, 250, 244], farHills: [190, 204, 216], nearHills: [226, 234, 240], cloud: [244, 247, 250] }, // prettier-ignore
];
const CAR_COLOURS: readonly Rgb[] = [
  [204, 60, 52],
  [46, 108, 178],
  [226, 168, 40],
  [60, 146, 106],
  [240, 240, 236],
];
const ROAD: Rgb = [72, 76, 82];
const ROAD_LINE: Rgb = [230, 226, 206];

/** The lavfi input: sky, sun, hills and road, different for each `seed`. */
export function demoBackground(seed: string): string {
  const random = numbersFrom(seed);
  const theme = pick(THEMES, random());
  const hills = [hillLine(305, 34, 150, random()), hillLine(376, 26, 190, random())] as const;
  const sunX = 120 + Math.round(random() * 720);
  const plane = (index: 0 | 1 | 2): string => backgroundPlane(theme, hills, sunX, index);
  return (
    `color=black:s=${WIDTH}x${HEIGHT}:r=${DEMO_FPS},trim=end_frame=1,format=yuv420p,` +
    `geq=lum='${plane(0)}':cb='${plane(1)}':cr='${plane(2)}',${HOLD}`
  );
}

/** The filter graph from input 0 to `[video]` and, one picture a second, `[pictures]` and `[small]`. */
export function demoGraph(seed: string, name: string, pictureFilters: string[] = []): string {
  const random = numbersFrom(`${seed}/movers`);
  const { cloud } = pick(THEMES, numbersFrom(seed)());
  const speed = (least: number, span: number): number => Math.round(least + span * random());
  const start = (): number => Math.round(random() * WIDTH);
  const drift = (y: number, pixelsPerSecond: number): string =>
    `overlay=x='mod(t*${pixelsPerSecond}+${start()},W+w)-w':y=${y}:format=yuv420`;
  return [
    `${cloudSprite(cloud)},split[cloud1][cloud2]`,
    `${carSprite(pick(CAR_COLOURS, random()))}[car]`,
    `[0:v][cloud1]${drift(64, speed(10, 10))}[sky1]`,
    `[sky1][cloud2]${drift(136, speed(5, 8))}[sky2]`,
    `[sky2][car]${drift(ROAD_Y - 4, speed(60, 60))},${drawText(labelFor(seed, name), 'x=24', 'none')},` +
      `${drawText('%{localtime:%F %T}', 'x=w-tw-24', 'normal')},format=yuv420p,split[video][still]`,
    `[still]${[`select='not(mod(n\\,${DEMO_FPS}))'`, ...pictureFilters].join()},split[pictures][small]`,
  ].join(';');
}

function backgroundPlane(
  theme: Theme,
  hills: readonly [string, string],
  sunX: number,
  index: 0 | 1 | 2,
): string {
  // Chroma planes have half the size, so their coordinates count double.
  const [x, y] = index === 0 ? ['X', 'Y'] : ['(2*X)', '(2*Y)'];
  const at = (expression: string): string => expression.replaceAll('{x}', x).replaceAll('{y}', y);
  const value = (colour: Rgb): number => yuv(colour)[index];
  const glow = at(`min(1,1.5*exp(-(({x}-${sunX})^2+({y}-130)^2)/2600))`);
  const top = value(theme.skyTop);
  const sky = at(`(${top}+${value(theme.skyLow) - top}*min(1,{y}/${HORIZON_Y}))`);
  const line = at('lt(abs({y}-496),3)*lt(mod({x},80),44)');
  return (
    `if(gt(${y},${ROAD_Y}),if(${line},${value(ROAD_LINE)},${value(ROAD)}),` +
    `if(gt(${y},${at(hills[1])}),${value(theme.nearHills)},if(gt(${y},${at(hills[0])}),${value(theme.farHills)},` +
    `${sky}+(${value(theme.sun)}-${sky})*${glow})))`
  );
}

function hillLine(y: number, swing: number, waveLength: number, phase: number): string {
  const shift = (phase * 6).toFixed(2);
  return `(${y}+${swing}*sin({x}/${waveLength}+${shift})+${Math.round(swing / 2)}*sin({x}/${Math.round(waveLength / 2.7)}+${shift}))`;
}

function cloudSprite(colour: Rgb): string {
  const puffs = `exp(-((X-80)^2/1400+(Y-45)^2/180))+exp(-((X-150)^2/1800+(Y-38)^2/260))`;
  return sprite('240x80', yuv(colour).map(String), `min(210,255*(${puffs}))`);
}

function carSprite(colour: Rgb): string {
  const wheels = (x: string, y: string): string =>
    `gt(lt(hypot(${x}-24,${y}-31),9)+lt(hypot(${x}-72,${y}-31),9),0)`;
  const window = (x: string, y: string): string => `between(${y},5,14)*between(${x},28,66)`;
  const plane = (body: number, glass: number, tyre: number, x: string, y: string): string =>
    `if(${wheels(x, y)},${tyre},if(${window(x, y)},${glass},${body}))`;
  const [luma, cb, cr] = yuv(colour);
  return sprite(
    '96x40',
    [
      plane(luma, 190, 30, 'X', 'Y'),
      plane(cb, 132, 128, '(2*X)', '(2*Y)'),
      plane(cr, 124, 128, '(2*X)', '(2*Y)'),
    ],
    `255*gt(${wheels('X', 'Y')}+between(Y,15,32)*between(X,2,94)+between(Y,1,15)*between(X,22,72),0)`,
  );
}

function sprite(size: string, [luma, cb, cr]: readonly string[], alpha: string): string {
  return (
    `color=white:s=${size}:r=${DEMO_FPS},trim=end_frame=1,format=yuva420p,` +
    `geq=lum='${luma}':cb='${cb}':cr='${cr}':a='${alpha}',${HOLD}`
  );
}

function drawText(text: string, x: string, expansion: 'none' | 'normal'): string {
  // A bare machine has no font, so one comes from npm.
  const font = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf');
  const look = 'y=22:fontsize=28:fontcolor=white:shadowx=2:shadowy=2:shadowcolor=black@0.6';
  return `drawtext=fontfile=${escapeValue(font)}:text=${escapeValue(text)}:expansion=${expansion}:${x}:${look}`;
}

/** Any text as the value of a filter's option: first for the option parser, then for the graph parser. */
export function escapeValue(text: string): string {
  return text.replaceAll(/[\\':]/g, '\\$&').replaceAll(/[\\'[\],;]/g, '\\$&');
}

// Latin, Greek and Cyrillic: what the font has for certain. Anything else would be drawn as empty boxes.
function labelFor(seed: string, name: string): string {
  const isDrawable = (text: string): boolean => /^[\u0020-\u024f\u0370-\u052f\u2010-\u2027]+$/.test(text);
  return [name, seed].find(isDrawable)?.trim().slice(0, 40) ?? 'Demo';
}

// ITU-R BT.601, limited range.
function yuv([red, green, blue]: Rgb): readonly [number, number, number] {
  return [
    Math.round(16 + (65.5 * red + 128.6 * green + 25 * blue) / 255),
    Math.round(128 + (-37.8 * red - 74.2 * green + 112 * blue) / 255),
    Math.round(128 + (112 * red - 93.8 * green - 18.2 * blue) / 255),
  ];
}

function pick<T>(items: readonly T[], fraction: number): T {
  return items[Math.floor(fraction * items.length)] as T;
}

/** Numbers in [0, 1) that are always the same for a seed. */
function numbersFrom(seed: string): () => number {
  const digest = createHash('sha256').update(seed).digest();
  let index = 0;
  return () => digest.readUInt16BE((2 * index++) % 32) / 65_536;
}
