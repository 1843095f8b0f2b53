// Events and outages of the view as a table, for those who read rather than look.

import type { Timeline, TimelineEvent } from '../api/types.ts';
import { formatDateTime, formatDuration } from '../i18n/format.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useLanguage, useText } from '../state/hooks.ts';
import { Button } from '../ui/primitives.tsx';
import { goesOn } from './found.ts';
import { useKindName, useThingName } from './names.ts';

const ROWS_MAX = 100;

interface ListRow {
  key: string;
  atMs: number;
  what: string;
  where: string;
  lengthMs: number | null | undefined;
  /** With a clip. */
  event?: TimelineEvent | undefined;
}

export interface TimelineListProps {
  timeline: Timeline;
  onOpenClip: (event: TimelineEvent) => void;
}

export function TimelineList({ timeline, onOpenClip }: TimelineListProps) {
  const t = useText();
  const language = useLanguage();
  const rows = useRows(timeline);
  const length = (ms: number | null | undefined): string =>
    ms === undefined ? '' : ms === null ? t('timeline.goesOn') : formatDuration(ms, language);
  return (
    <details className="timeline__list">
      <summary>{t('timeline.list')}</summary>
      <div className="table-scroll">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">{t('timeline.list.when')}</th>
              <th scope="col">{t('timeline.list.what')}</th>
              <th scope="col">{t('timeline.list.where')}</th>
              <th scope="col">{t('timeline.list.length')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, ROWS_MAX).map(({ key, atMs, what, where, lengthMs, event }) => (
              <tr key={key}>
                <td className="numeric">{formatDateTime(atMs, language)}</td>
                <td>
                  {event === undefined ? (
                    what
                  ) : (
                    <Button icon="play" onClick={() => onOpenClip(event)} aria-haspopup="dialog">
                      {what}
                    </Button>
                  )}
                </td>
                <td>{where}</td>
                <td className="numeric">{length(lengthMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** Newest first. */
function useRows({ site, events, eventCounts, outages }: Timeline): ListRow[] {
  const kindName = useKindName();
  const thingName = useThingName(site);
  const cameras = useFleet((state) => state.cameras);
  return [
    ...outages.map((outage) => ({
      key: keyOf(outage.kind, outage.id, outage.began),
      atMs: Date.parse(outage.began),
      what: thingName(outage),
      where: '',
      lengthMs: outage.ended === null ? null : outage.awayMs,
    })),
    ...events.map((event) => {
      const { id, kind, camera, agent, at, until, clipId } = event;
      return {
        key: id,
        atMs: Date.parse(at),
        what: kindName(kind),
        where: camera === null ? agent : (cameras[keyOf(site, camera)]?.name ?? camera),
        lengthMs: goesOn(event) ? null : until === null ? undefined : Date.parse(until) - Date.parse(at),
        event: clipId === null ? undefined : event,
      };
    }),
    ...eventCounts.map(({ from, to, kind, count }) => ({
      key: keyOf(kind, from),
      atMs: Date.parse(from),
      what: `${kindName(kind)}: ${count}`,
      where: '',
      lengthMs: Date.parse(to) - Date.parse(from),
    })),
  ].sort((a, b) => b.atMs - a.atMs);
}
