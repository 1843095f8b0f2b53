// Events with a clip on the timeline: each is a button that opens it.

import { formatDateTime } from '../i18n/format.ts';
import type { TimelineEvent } from '../api/types.ts';
import { useCameraName, useLanguage, useText } from '../state/hooks.ts';
import { Icon } from '../ui/icon.tsx';

/** What a finger hits. */
const MARK_PX = 24;

export interface ClipMarksProps {
  site: string;
  events: TimelineEvent[];
  widthPx: number;
  /** Place of a moment on the plot. */
  xOf: (atMs: number) => number;
  onOpen: (event: TimelineEvent) => void;
  onLook: (atMs: number) => void;
}

export function ClipMarks({ site, events, widthPx, xOf, onOpen, onLook }: ClipMarksProps) {
  const marks = events.map((event) => {
    const left = xOf(Date.parse(event.at));
    // One without an end hides no later one.
    return { event, left, width: Math.max(MARK_PX, xOf(Date.parse(event.until ?? event.at)) - left) };
  });
  return (
    <div className="lane__clips">
      {withRoom(marks, widthPx).map(({ event, left, width }) => (
        <ClipMark
          key={event.id}
          site={site}
          event={event}
          left={left}
          width={width}
          onOpen={() => onOpen(event)}
          onLook={() => onLook(Date.parse(event.at))}
        />
      ))}
    </div>
  );
}

interface ClipMarkProps {
  site: string;
  event: TimelineEvent;
  left: number;
  width: number;
  onOpen: () => void;
  onLook: () => void;
}

function ClipMark({ site, event, left, width, onOpen, onLook }: ClipMarkProps) {
  const t = useText();
  const language = useLanguage();
  const name = useCameraName(site, event.camera ?? event.agent);
  return (
    <button
      type="button"
      className="lane__clip"
      style={{ left, width }}
      aria-label={t('timeline.openClip', { name, time: formatDateTime(event.at, language) })}
      data-testid="timeline-clip"
      data-clip={event.clipId}
      onClick={onOpen}
      onFocus={onLook}
    >
      <Icon name="play" />
    </button>
  );
}

/** From left to right those that do not cover the one before. */
function withRoom<Mark extends { left: number; width: number }>(marks: Mark[], widthPx: number): Mark[] {
  let freeFrom = -Infinity;
  return marks.filter(({ left, width }) => {
    if (left < freeFrom || left > widthPx || left + width < 0) return false;
    freeFrom = left + width;
    return true;
  });
}
