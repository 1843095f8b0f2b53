// The lanes of the timeline: pictures, events, curves, outages, each drawn for a view and a width.

import type { ReactNode } from 'react';
import { thumbnailUrl } from '../api/endpoints.ts';
import type {
  EventCount,
  TimelineCurve,
  TimelineEvent,
  TimelineOutage,
  TimelinePicture,
} from '../api/types.ts';
import { formatDateTime, formatValue } from '../i18n/format.ts';
import { useSeriesName } from '../sensors/series-name.ts';
import { keyOf } from '../state/fleet.ts';
import { useCameraName, useFleet, useLanguage, useText } from '../state/hooks.ts';
import { useNow } from '../state/store.ts';
import { ClipMarks } from './clip-marks.tsx';
import { extentOf, linesOf, pointsOf, type CurvePoint } from './curve.ts';
import { endOf, kindsOf, thingsOf } from './found.ts';
import { useKindName, useThingName } from './names.ts';
import { lengthOf, type View } from './view.ts';

export interface LaneProps {
  site: string;
  view: View;
  widthPx: number;
}

const THUMB_PX = 68;
/** More rows than that nobody overlooks. */
const CAMERA_ROWS_MAX = 12;
const EVENT_PX = 14;
const COUNT_PX = 30;
const CURVE_PX = 84;
const OUTAGE_PX = 10;
/** What is shorter is still seen. */
const NARROWEST_PX = 3;

const xOf = (atMs: number, { view, widthPx }: LaneProps): number =>
  ((atMs - view.fromMs) / lengthOf(view)) * widthPx;

function Lane({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="lane" aria-label={title}>
      <h2 className="lane__title">{title}</h2>
      {children}
    </section>
  );
}

function Row({ name, note, children }: { name: string; note?: string; children: ReactNode }) {
  return (
    <div className="lane__row">
      <span className="lane__name truncate">
        {name}
        {note === undefined ? null : <span className="muted numeric"> {note}</span>}
      </span>
      {children}
    </div>
  );
}

const Nothing = ({ children }: { children: string }) => <p className="lane__nothing muted">{children}</p>;

export interface PictureLaneProps extends LaneProps {
  pictures: TimelinePicture[];
  onOpen: (picture: TimelinePicture) => void;
  onLook: (atMs: number) => void;
}

export function PictureLane({ pictures, onOpen, onLook, ...lane }: PictureLaneProps) {
  const t = useText();
  const cameras = [...new Set(pictures.map(({ camera }) => camera))].sort();
  const hidden = cameras.length - CAMERA_ROWS_MAX;
  return (
    <Lane title={t('timeline.pictures')}>
      {cameras.length === 0 ? <Nothing>{t('timeline.noPictures')}</Nothing> : null}
      {cameras.slice(0, CAMERA_ROWS_MAX).map((camera) => (
        <CameraRow
          key={camera}
          {...lane}
          camera={camera}
          pictures={pictures.filter((one) => one.camera === camera)}
          onOpen={onOpen}
          onLook={onLook}
        />
      ))}
      {hidden > 0 ? <Nothing>{t('timeline.moreCameras', { n: hidden })}</Nothing> : null}
    </Lane>
  );
}

function CameraRow({ camera, pictures, onOpen, onLook, ...lane }: PictureLaneProps & { camera: string }) {
  const t = useText();
  const language = useLanguage();
  const name = useCameraName(lane.site, camera);
  return (
    <Row name={name}>
      <div className="lane__thumbs">
        {withRoom(pictures, lane).map((picture) => (
          <button
            key={picture.id}
            type="button"
            className="lane__thumb"
            style={{ left: xOf(Date.parse(picture.capturedAt), lane) }}
            aria-label={t('snapshots.open', { name, time: formatDateTime(picture.capturedAt, language) })}
            data-testid="timeline-picture"
            data-snapshot={picture.id}
            onClick={() => onOpen(picture)}
            onFocus={() => onLook(Date.parse(picture.capturedAt))}
          >
            <img src={thumbnailUrl(picture.id)} alt="" loading="lazy" decoding="async" draggable={false} />
          </button>
        ))}
      </div>
    </Row>
  );
}

/** From left to right those that do not cover the one before. */
function withRoom(pictures: TimelinePicture[], lane: LaneProps): TimelinePicture[] {
  let freeFrom = -THUMB_PX;
  return pictures.filter(({ capturedAt }) => {
    const x = xOf(Date.parse(capturedAt), lane);
    if (x < freeFrom || x > lane.widthPx) return false;
    freeFrom = x + THUMB_PX;
    return true;
  });
}

export interface EventLaneProps extends LaneProps {
  events: TimelineEvent[];
  counts: EventCount[];
  onOpenClip: (event: TimelineEvent) => void;
  onLook: (atMs: number) => void;
}

export function EventLane({ events, counts, onOpenClip, onLook, ...lane }: EventLaneProps) {
  const t = useText();
  const kindName = useKindName();
  const kinds = kindsOf(events, counts);
  const drawingOf = (kind: string, tone: number): ReactNode => {
    const mine = events.filter((one) => one.kind === kind);
    if (counts.length > 0)
      return <CountBars {...lane} counts={counts.filter((one) => one.kind === kind)} tone={tone} />;
    if (!mine.some(({ clipId }) => clipId !== null)) return <EventBars {...lane} events={mine} tone={tone} />;
    const marks = { ...lane, events: mine, xOf: (atMs: number) => xOf(atMs, lane) };
    return <ClipMarks {...marks} onOpen={onOpenClip} onLook={onLook} />;
  };
  return (
    <Lane title={t('timeline.events')}>
      {kinds.length === 0 ? <Nothing>{t('timeline.noEvents')}</Nothing> : null}
      {kinds.map(({ kind, count }, index) => (
        <Row key={kind} name={kindName(kind)} note={String(count)}>
          {drawingOf(kind, index)}
        </Row>
      ))}
    </Lane>
  );
}

const toneOf = (index: number): string => `tone tone--${index % 6}`;

function EventBars({ events, tone, ...lane }: LaneProps & { events: TimelineEvent[]; tone: number }) {
  const nowMs = useNow();
  return (
    <svg className="lane__drawing" width={lane.widthPx} height={EVENT_PX} aria-hidden="true">
      {events.map((event) => {
        const x = Math.max(-NARROWEST_PX, xOf(Date.parse(event.at), lane));
        const end = Math.min(lane.widthPx + 1, xOf(endOf(event, nowMs), lane));
        const width = Math.max(NARROWEST_PX, end - x);
        return (
          <rect
            key={event.id}
            className={toneOf(tone)}
            x={x}
            y={2}
            width={width}
            height={EVENT_PX - 4}
            rx={1.5}
          />
        );
      })}
    </svg>
  );
}

function CountBars({ counts, tone, ...lane }: LaneProps & { counts: EventCount[]; tone: number }) {
  const most = counts.reduce((highest, { count }) => Math.max(highest, count), 1);
  return (
    <svg className="lane__drawing" width={lane.widthPx} height={COUNT_PX} aria-hidden="true">
      {counts.map(({ from, to, count }) => {
        const x = xOf(Date.parse(from), lane);
        const height = Math.max(2, (count / most) * (COUNT_PX - 2));
        const width = Math.max(1, xOf(Date.parse(to), lane) - x - 1);
        return (
          <rect
            key={from}
            className={toneOf(tone)}
            x={x}
            y={COUNT_PX - height}
            width={width}
            height={height}
          />
        );
      })}
    </svg>
  );
}

export function CurveLane({ curves, ...lane }: LaneProps & { curves: TimelineCurve[] }) {
  const t = useText();
  return (
    <Lane title={t('timeline.curves')}>
      {curves.every(({ points }) => points.length === 0) ? <Nothing>{t('timeline.noCurves')}</Nothing> : null}
      {curves.map((curve) =>
        curve.points.length === 0 ? null : (
          <CurveRow key={keyOf(curve.sensor, curve.metric)} {...lane} curve={curve} />
        ),
      )}
    </Lane>
  );
}

function CurveRow({ curve, ...lane }: LaneProps & { curve: TimelineCurve }) {
  const language = useLanguage();
  const seriesName = useSeriesName();
  const sensor = useFleet((state) => state.sensors[keyOf(lane.site, curve.sensor)]?.name ?? curve.sensor);
  const points = pointsOf(curve);
  const { min, max } = extentOf(points);
  const unit = curve.unit === null ? '' : ` ${curve.unit}`;
  const yOf = (value: number): number => CURVE_PX - 6 - ((value - min) / (max - min)) * (CURVE_PX - 12);
  const place = (atMs: number, value: number): string =>
    `${xOf(atMs, lane).toFixed(1)},${yOf(value).toFixed(1)}`;
  return (
    <Row
      name={`${sensor} · ${seriesName(curve)}`}
      note={`${formatValue(min, language)} – ${formatValue(max, language)}${unit}`}
    >
      <svg
        className="lane__drawing"
        width={lane.widthPx}
        height={CURVE_PX}
        aria-hidden="true"
        data-testid="timeline-curve"
      >
        {linesOf(curve).map((line) => (
          <CurveLine key={line[0]?.atMs} line={line} place={place} />
        ))}
      </svg>
    </Row>
  );
}

function CurveLine({ line, place }: { line: CurvePoint[]; place: (atMs: number, value: number) => string }) {
  const band = [
    ...line.map(({ atMs, max }) => place(atMs, max)),
    ...line.toReversed().map(({ atMs, min }) => place(atMs, min)),
  ];
  const [first] = line;
  if (first === undefined) return null;
  if (line.length === 1) {
    const [cx, cy] = place(first.atMs, first.value).split(',');
    return <circle className="lane__dot" cx={cx} cy={cy} r={2} />;
  }
  return (
    <>
      <polygon className="lane__band" points={band.join(' ')} />
      <polyline className="lane__line" points={line.map(({ atMs, value }) => place(atMs, value)).join(' ')} />
    </>
  );
}

export function OutageLane({ outages, ...lane }: LaneProps & { outages: TimelineOutage[] }) {
  const t = useText();
  const thingName = useThingName(lane.site);
  const nowMs = useNow();
  return (
    <Lane title={t('timeline.outages')}>
      {outages.length === 0 ? <Nothing>{t('timeline.noOutages')}</Nothing> : null}
      {thingsOf(outages).map(([thing, mine]) => (
        <Row key={keyOf(thing.kind, thing.id)} name={thingName(thing)}>
          <svg className="lane__drawing" width={lane.widthPx} height={OUTAGE_PX} aria-hidden="true">
            {mine.map(({ began, ended }) => {
              const x = Math.max(-1, xOf(Date.parse(began), lane));
              const end = Math.min(lane.widthPx + 1, xOf(ended === null ? nowMs : Date.parse(ended), lane));
              const width = Math.max(NARROWEST_PX, end - x);
              return (
                <rect key={began} className="lane__away" x={x} y={1} width={width} height={OUTAGE_PX - 2} />
              );
            })}
          </svg>
        </Row>
      ))}
    </Lane>
  );
}
