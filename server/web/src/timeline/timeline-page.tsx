// One site over time: pictures, events, curves and outages on one axis, from months to seconds.

import { useEffect, useState, type ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import type { Timeline, TimelineEvent } from '../api/types.ts';
import { formatDuration } from '../i18n/format.ts';
import { isTextKey } from '../i18n/language.ts';
import { useErrorSentence, useFleet, useLanguage, useSite, useSiteName, useText } from '../state/hooks.ts';
import { Button, Empty, Message, Segments } from '../ui/primitives.tsx';
import { EventClipDialog } from './event-clip-dialog.tsx';
import { TimelineFilters, useFilters } from './filters.tsx';
import { Readout } from './readout.tsx';
import { TimelineList } from './timeline-list.tsx';
import { TimelinePlot } from './timeline-plot.tsx';
import { useTimeline } from './use-timeline.ts';
import {
  lengthOf,
  newestView,
  pan,
  PAN_STEP,
  SPAN_MS,
  SPANS,
  zoom,
  ZOOM_STEP,
  type Span,
  type View,
} from './view.ts';

const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function TimelinePage() {
  const t = useText();
  const isLoaded = useFleet((state) => state.isLoaded);
  const firstSite = useFleet((state) => state.sites[0]?.id);
  const site = useSite() ?? firstSite;
  return (
    <section aria-labelledby="timeline-title">
      <h1 id="timeline-title" className="timeline__title">
        {t('timeline.title')} {site === undefined ? null : <SiteName site={site} />}
      </h1>
      {site === undefined ? null : <SiteTimeline key={site} site={site} />}
      {isLoaded && site === undefined ? (
        <Empty icon="timeline" title={t('timeline.emptyTitle')}>
          {t('timeline.emptyText')}
        </Empty>
      ) : null}
    </section>
  );
}

const SiteName = ({ site }: { site: string }) => <span className="muted">{useSiteName(site)}</span>;

function SiteTimeline({ site }: { site: string }) {
  const sentence = useErrorSentence();
  const filters = useFilters();
  const [view, setView] = useView();
  const [cursorMs, setCursorMs] = useState<number | undefined>(undefined);
  const [openClip, setOpenClip] = useState<TimelineEvent | undefined>(undefined);
  const { camera, sensor, metric } = filters.chosen;
  const query = {
    site,
    from: new Date(view.fromMs).toISOString(),
    to: new Date(view.toMs).toISOString(),
    camera,
    sensor,
    metric,
    tz: TIME_ZONE,
  };
  const { timeline, isBusy, failure } = useTimeline(query);
  return (
    <>
      <div className="timeline__tools">
        <TimelineFilters site={site} {...filters} />
        <ViewTools view={view} onView={setView} />
      </div>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      <TimelinePlot
        site={site}
        view={view}
        onView={setView}
        cursorMs={cursorMs}
        onCursor={setCursorMs}
        timeline={timeline}
        isBusy={isBusy}
        onOpenClip={setOpenClip}
      />
      <Readout timeline={timeline} view={view} atMs={cursorMs} />
      {timeline === undefined ? null : <Notes timeline={timeline} />}
      {timeline === undefined ? null : <TimelineList timeline={timeline} onOpenClip={setOpenClip} />}
      {openClip === undefined ? null : (
        <EventClipDialog
          key={openClip.id}
          site={site}
          event={openClip}
          onClose={() => setOpenClip(undefined)}
        />
      )}
    </>
  );
}

/** Begins as the address says (`from`, `to`), else with the last day. */
function useView(): [View, (change: (view: View) => View) => void] {
  const [search] = useSearchParams();
  const [view, setView] = useState<View>(() => {
    const [fromMs, toMs] = [search.get('from'), search.get('to')].map((time) => Date.parse(time ?? ''));
    const isAsked = fromMs !== undefined && toMs !== undefined && fromMs < toMs;
    return isAsked ? { fromMs, toMs } : newestView(SPAN_MS['1d'], Date.now());
  });
  useFollowingNow(view, setView);
  return [view, setView];
}

const FOLLOW_MS = 5_000;

/** A view that shows now goes on with it. */
function useFollowingNow(view: View, setView: (change: (view: View) => View) => void): void {
  const stepMs = Math.max(FOLLOW_MS, lengthOf(view) / 200);
  useEffect(() => {
    const timer = setInterval(
      () =>
        setView((before) => {
          const nowMs = Date.now();
          const passedMs = nowMs - before.toMs;
          return passedMs > 0 && passedMs <= 2 * stepMs ? newestView(lengthOf(before), nowMs) : before;
        }),
      stepMs,
    );
    return () => clearInterval(timer);
  }, [stepMs, setView]);
}

function ViewTools({ view, onView }: { view: View; onView: (change: (view: View) => View) => void }) {
  const t = useText();
  const middle = (before: View): number => (before.fromMs + before.toMs) / 2;
  const span = SPANS.find((one) => Math.abs(lengthOf(view) / SPAN_MS[one] - 1) < 0.01);
  const show = (chosen: Span) => (before: View) => {
    const reachesNow = before.toMs >= Date.now();
    if (reachesNow) return newestView(SPAN_MS[chosen], Date.now());
    return zoom(before, lengthOf(before) / SPAN_MS[chosen], middle(before), Date.now());
  };
  return (
    <div className="timeline__view">
      <Segments<Span | ''>
        label={t('timeline.span')}
        value={span ?? ''}
        options={SPANS.map((value) => ({ value, label: t(`timeline.span.${value}`) }))}
        onChoose={(chosen) => chosen !== '' && onView(show(chosen))}
      />
      <div className="timeline__buttons">
        <Button
          icon="back"
          iconOnlyLabel={t('timeline.earlier')}
          onClick={() => onView((v) => pan(v, -2 * PAN_STEP, Date.now()))}
        />
        <Button
          icon="next"
          iconOnlyLabel={t('timeline.later')}
          onClick={() => onView((v) => pan(v, 2 * PAN_STEP, Date.now()))}
        />
        <Button
          icon="minus"
          iconOnlyLabel={t('timeline.zoomOut')}
          onClick={() => onView((v) => zoom(v, 1 / ZOOM_STEP, middle(v), Date.now()))}
        />
        <Button
          icon="plus"
          iconOnlyLabel={t('timeline.zoomIn')}
          onClick={() => onView((v) => zoom(v, ZOOM_STEP, middle(v), Date.now()))}
        />
        <Button onClick={() => onView((v) => newestView(lengthOf(v), Date.now()))}>
          {t('timeline.now')}
        </Button>
      </div>
    </div>
  );
}

/** What is not on the page although it happened. */
function Notes({ timeline }: { timeline: Timeline }): ReactNode {
  const t = useText();
  const language = useLanguage();
  const notes = timeline.thinned.flatMap(({ what, bucketMs, shown, of }) => {
    const isCut = what === 'outages' && shown !== null;
    const key = `timeline.thinned.${what}${isCut ? 'Cut' : ''}`;
    if (!isTextKey(key)) return [];
    const length = bucketMs === null ? '' : formatDuration(bucketMs, language);
    return [t(key, { length, shown: shown ?? '', of: of ?? '' })];
  });
  if (notes.length === 0) return null;
  return (
    <ul className="timeline__notes muted">
      {notes.map((note) => (
        <li key={note}>{note}</li>
      ))}
    </ul>
  );
}
