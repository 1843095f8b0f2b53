// The lanes on one axis, with the cursor over all of them, and the dialog of the picture that was clicked on.

import { useEffect, useState, type RefObject } from 'react';
import type { Snapshot, Timeline, TimelineEvent } from '../api/types.ts';
import { formatClock, formatClockShort, formatDay, formatMonth } from '../i18n/format.ts';
import type { Language } from '../i18n/language.ts';
import { SnapshotDialog } from '../snapshots/snapshot-dialog.tsx';
import { useLanguage, useSiteName, useText } from '../state/hooks.ts';
import { Skeleton } from '../ui/primitives.tsx';
import { CurveLane, EventLane, OutageLane, PictureLane } from './lanes.tsx';
import { useGestures } from './use-gestures.ts';
import { contains, lengthOf, ticksOf, type Ticks, type View } from './view.ts';

export interface TimelinePlotProps {
  site: string;
  view: View;
  onView: (change: (view: View) => View) => void;
  cursorMs: number | undefined;
  onCursor: (atMs: number | undefined) => void;
  timeline: Timeline | undefined;
  isBusy: boolean;
  onOpenClip: (event: TimelineEvent) => void;
}

/** Room of one label of the axis. */
const TICK_PX = 76;

export function TimelinePlot({
  site,
  view,
  onView,
  cursorMs,
  onCursor,
  timeline,
  isBusy,
  onOpenClip,
}: TimelinePlotProps) {
  const t = useText();
  const siteName = useSiteName(site);
  const { plot, onKeyDown, ...pointers } = useGestures({ view, onView, cursorMs, onCursor });
  const widthPx = useWidth(plot);
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  const lane = { site, view, widthPx };
  return (
    <>
      <div
        ref={plot}
        className="plot"
        role="group"
        tabIndex={0}
        aria-label={t('timeline.plot', { site: siteName })}
        aria-busy={isBusy}
        data-testid="timeline-plot"
        data-from={view.fromMs}
        data-to={view.toMs}
        onKeyDown={onKeyDown}
        onFocus={({ target, currentTarget }) => {
          if (target === currentTarget) onCursor(cursorMs ?? (view.fromMs + view.toMs) / 2);
        }}
        {...pointers}
        onPointerCancel={pointers.onPointerUp}
      >
        <Axis view={view} widthPx={widthPx} />
        {timeline === undefined ? (
          <Skeleton className="plot__skeleton" />
        ) : (
          <>
            <PictureLane
              {...lane}
              pictures={timeline.pictures}
              onOpen={({ id }) => setOpenId(id)}
              onLook={onCursor}
            />
            <EventLane
              {...lane}
              events={timeline.events}
              counts={timeline.eventCounts}
              onOpenClip={onOpenClip}
              onLook={onCursor}
            />
            <CurveLane {...lane} curves={timeline.curves} />
            <OutageLane {...lane} outages={timeline.outages} />
          </>
        )}
        <Cursor view={view} widthPx={widthPx} atMs={cursorMs} />
        <span className={`plot__busy${isBusy ? '' : ' plot__busy--off'}`} aria-hidden="true" />
      </div>
      {openId === undefined || timeline === undefined ? null : (
        <SnapshotDialog
          snapshots={snapshotsBeside(timeline, openId)}
          openId={openId}
          onOpen={setOpenId}
          onClose={() => setOpenId(undefined)}
        />
      )}
    </>
  );
}

/** Of the same camera, newest first. */
function snapshotsBeside({ site, pictures }: Timeline, openId: string): Snapshot[] {
  const camera = pictures.find(({ id }) => id === openId)?.camera;
  return pictures
    .filter((picture) => picture.camera === camera)
    .map((picture) => ({ ...picture, site }))
    .toReversed();
}

function useWidth(element: RefObject<HTMLDivElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    const measure = new ResizeObserver(() => setWidth(target.clientWidth));
    measure.observe(target);
    return () => measure.disconnect();
  }, [element]);
  return width;
}

function Axis({ view, widthPx }: { view: View; widthPx: number }) {
  const language = useLanguage();
  const ticks = ticksOf(view, Math.max(2, Math.floor(widthPx / TICK_PX)));
  return (
    <svg className="plot__axis" width="100%" height="100%" aria-hidden="true">
      {ticks.atsMs.map((atMs) => {
        const x = ((atMs - view.fromMs) / lengthOf(view)) * widthPx;
        return (
          <g key={atMs}>
            <line x1={x} x2={x} y1={18} y2="100%" />
            <text x={x} y={12} textAnchor={x < 30 ? 'start' : 'middle'}>
              {tickText(atMs, ticks.unit, language)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

/** Midnight is told by its day. */
function tickText(atMs: number, unit: Ticks['unit'], language: Language): string {
  const at = new Date(atMs);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
  if (unit === 'month') return formatMonth(atMs, language);
  if (unit === 'day' || isMidnight) return formatDay(atMs, language);
  return unit === 'second' ? formatClock(atMs, language) : formatClockShort(atMs, language);
}

function Cursor({ view, widthPx, atMs }: { view: View; widthPx: number; atMs: number | undefined }) {
  if (atMs === undefined || !contains(view, atMs)) return null;
  const left = ((atMs - view.fromMs) / lengthOf(view)) * widthPx;
  return <span className="plot__cursor" style={{ left }} aria-hidden="true" />;
}
