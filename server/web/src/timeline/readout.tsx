// What was at the moment of the cursor: time, values, events, outages. Read out when it changes.

import type { Timeline } from '../api/types.ts';
import { formatDateTime, formatValue } from '../i18n/format.ts';
import { useSeriesName } from '../sensors/series-name.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useLanguage, useText } from '../state/hooks.ts';
import { useNow } from '../state/store.ts';
import { linesOf, valueAt } from './curve.ts';
import { endOf } from './found.ts';
import { useKindName, useThingName } from './names.ts';
import { lengthOf, type View } from './view.ts';

/** What is drawn so near to the cursor is under it. */
const NEAR_SHARE = 0.004;
const LINES_MAX = 6;

export function Readout({
  timeline,
  view,
  atMs,
}: {
  timeline: Timeline | undefined;
  view: View;
  atMs: number | undefined;
}) {
  const t = useText();
  const language = useLanguage();
  if (timeline === undefined || atMs === undefined)
    return <p className="readout readout--hint muted">{t('timeline.hint')}</p>;
  return (
    <div className="readout" role="status" data-testid="timeline-readout">
      <time className="readout__time numeric" dateTime={new Date(atMs).toISOString()}>
        {formatDateTime(atMs, language)}
      </time>
      <Found timeline={timeline} nearMs={lengthOf(view) * NEAR_SHARE} atMs={atMs} />
    </div>
  );
}

function Found({ timeline, nearMs, atMs }: { timeline: Timeline; nearMs: number; atMs: number }) {
  const values = useValues(timeline, atMs);
  const happened = useHappened(timeline, nearMs, atMs);
  const found = [...values, ...happened];
  if (found.length === 0) return null;
  return (
    <ul className="readout__found">
      {found.slice(0, LINES_MAX).map(({ name, value, tone }) => (
        <li key={name} className={tone === undefined ? undefined : `readout--${tone}`}>
          <span className="muted">{name}</span>{' '}
          {value === '' ? null : <strong className="numeric">{value}</strong>}
        </li>
      ))}
      {found.length > LINES_MAX ? <li className="muted">+{found.length - LINES_MAX}</li> : null}
    </ul>
  );
}

interface FoundLine {
  name: string;
  value: string;
  tone?: 'bad';
}

function useValues({ site, curves }: Timeline, atMs: number): FoundLine[] {
  const language = useLanguage();
  const seriesName = useSeriesName();
  const sensors = useFleet((state) => state.sensors);
  return curves.flatMap((curve) => {
    const point = valueAt(linesOf(curve), atMs);
    if (point === undefined) return [];
    const name = `${sensors[keyOf(site, curve.sensor)]?.name ?? curve.sensor} · ${seriesName(curve)}`;
    return [{ name, value: `${formatValue(point.value, language)} ${curve.unit ?? ''}`.trim() }];
  });
}

function useHappened(
  { site, events, eventCounts, outages }: Timeline,
  nearMs: number,
  atMs: number,
): FoundLine[] {
  const kindName = useKindName();
  const thingName = useThingName(site);
  const cameras = useFleet((state) => state.cameras);
  const nowMs = useNow();
  const covers = (from: number, to: number): boolean => atMs >= from - nearMs && atMs <= to + nearMs;
  const away = outages
    .filter(({ began, ended }) => covers(Date.parse(began), ended === null ? nowMs : Date.parse(ended)))
    .map((outage): FoundLine => ({ name: thingName(outage), value: '', tone: 'bad' }));
  const happened = events
    .filter((event) => covers(Date.parse(event.at), endOf(event, nowMs)))
    .map(({ kind, camera, agent }) => ({
      name: kindName(kind),
      value: camera === null ? agent : (cameras[keyOf(site, camera)]?.name ?? camera),
    }));
  const counted = eventCounts
    .filter(({ from, to }) => atMs >= Date.parse(from) && atMs < Date.parse(to))
    .map(({ kind, count }) => ({ name: `${kindName(kind)}: ${count}`, value: '' }));
  return [...away, ...happened, ...counted];
}
