// The style of the page of a report, light and dark, on a screen and on paper. It is the only one that the page's policy lets in.

import { createHash } from 'node:crypto';

export const STYLE = `
:root {
  color-scheme: light dark;
  --bg: #f4f6f8; --surface: #fff; --line: #dfe4ea; --text: #14191f; --text-2: #4c5763; --accent: #0b6f79;
  --band: #0b6f792b; --grid: #e4e9ee; --ok: #14713d; --warn: #8a5300; --bad: #b3261e;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --bg: #0e1114; --surface: #14181d; --line: #262d36; --text: #e8ecf1; --text-2: #a6b1bd; --accent: #4cc3cd;
    --band: #4cc3cd33; --grid: #262d36; --ok: #56cf8b; --warn: #f0b455; --bad: #ff8b81;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--bg); color: var(--text);
  font: 15px/1.5 system-ui, 'Noto Sans KR', 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif; word-break: keep-all; overflow-wrap: anywhere;
}
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 0; font-size: 1rem; }
p { margin: .25rem 0; }
.soft { color: var(--text-2); font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin-top: 1.5rem; }
.tile, .card { padding: .875rem 1rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--surface); }
.tile dt { color: var(--text-2); font-size: .8125rem; }
.tile dd { margin: 0; font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; background: var(--surface); }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th, td { padding: .45rem .75rem; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--text-2); font-size: .8125rem; font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 550; }
.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
.ok { color: var(--ok); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: .75rem; }
figure { margin: 0; min-width: 0; }
.facts { display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin: .125rem 0 .25rem; font-size: .8125rem; }
.facts div { display: flex; gap: .375rem; }
.facts dt { color: var(--text-2); } .facts dd { margin: 0; font-variant-numeric: tabular-nums; }
.chart { display: block; width: 100%; height: auto; }
.chart text { fill: var(--text-2); font-size: 11px; }
.chart .value, .chart .unit { text-anchor: end; } .chart .when { text-anchor: middle; }
.chart path { fill: none; vector-effect: non-scaling-stroke; }
.chart .grid { stroke: var(--grid); stroke-width: 1; }
.chart .band { fill: var(--band); }
.chart .line { stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; }
.chart .whisker { stroke: var(--accent); stroke-width: 1; } .chart .dot { fill: var(--accent); }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .75rem; }
.sheet img { display: block; width: 100%; height: auto; aspect-ratio: 16 / 9; object-fit: contain; border-radius: .4rem; background: #0a0c0f; }
.sheet figcaption { margin-top: .25rem; font-size: .75rem; line-height: 1.35; color: var(--text-2); }
@media print {
  :root { --bg: #fff; } main { max-width: none; padding: 0; }
  .card, .sheet figure, tr { break-inside: avoid; } .charts { grid-template-columns: 1fr 1fr; } h2 { break-after: avoid; }
}
`;

/**
 * Content-Security-Policy of the page: no script, nothing from anywhere, the one style by its digest, and pictures only out of
 * the page itself.
 */
export const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
