// What a report says, part by part as it is asked for, so that no report is ever held whole. Borrows the database and the
// pictures; each part gives its connection back when its loop ends.

import type { MediaStore } from '../media-store/media-store.ts';
import type { Database } from '../postgres/pool.ts';
import { readSheet } from './contact-sheet.ts';
import { cursorRows } from './cursor-rows.ts';
import { foldOutages, type Outage, type Span } from './down-time.ts';
import {
  REPORT_CAMERAS_MAX,
  REPORT_LIST_MAX,
  REPORT_SENSORS_MAX,
  REPORT_SERIES_MAX,
  type AlertPart,
  type Availability,
  type CameraPart,
  type GapPart,
  type PicturePart,
  type ReportSubject,
  type SensorPart,
  type SeriesPart,
} from './report-subject.ts';
import { readSilences } from './sensor-silence.ts';
import { readSeries } from './series-curves.ts';

const BATCH_ROWS = 200;
/** Of the whole, what the parts before and after the series take, as progress tells it. */
const BEFORE_SERIES = 0.2;
const SERIES = 0.7;

export interface ReportContentOptions {
  database: Database;
  pictures: Pick<MediaStore, 'open'>;
  subject: ReportSubject;
}

interface Known {
  id: string;
  name: string;
  knownSince: Date | null;
}

const CAMERAS = `
  select id, coalesce(custom_name, name) as name, known_since as "knownSince"
  from cameras where site = $1 order by id limit ${REPORT_CAMERAS_MAX + 1}`;
const AWAY = `(extract(epoch from began) * 1000)::float8 as "fromMs", (extract(epoch from coalesce(ended, $3)) * 1000)::float8 as "toMs"`;
const IN_PERIOD = 'outages.site = $1 and began < $3 and coalesce(ended, $3) > $2';
// An absence of the gateway is one of its cameras too.
const CAMERA_OUTAGES = `
  select cameras.id, ${AWAY}
  from cameras join outages on outages.site = cameras.site
    and (outages.kind, outages.id) in (('camera', cameras.id::text), ('agent', cameras.agent::text))
  where ${IN_PERIOD} order by cameras.id, began`;
const SENSOR_OUTAGES = `select id, ${AWAY} from outages where ${IN_PERIOD} and kind = 'sensor' order by id, began`;

const SENSORS_AWAY = `
  select id, coalesce(name, id) as name,
    (select min(created_at) from series where series.site = sensors.site and series.sensor = sensors.id) as "knownSince"
  from sensors where site = $1 and id in (select outages.id from outages where ${IN_PERIOD} and kind = 'sensor')`;

const ALERTS = `
  select rule_name as rule, severity, kind, coalesce(label || ' (' || subject || ')', subject) as subject, value,
    case kind when 'threshold' then unit end as unit,
    fired_at as "from", resolved_at as "to", acknowledged_by as "acknowledgedBy"
  from alerts
  left join series on (series.site, series.sensor, series.metric)
    = (alerts.site, split_part(subject, '/', 1), split_part(subject, '/', 2))
  where alerts.site = $1 and fired_at < $3 and coalesce(resolved_at, $3) >= $2
  order by fired_at, alerts.id limit ${REPORT_LIST_MAX + 1}`;

const GAPS = `
  select agent, coalesce(gap->>'lane', '') as lane, at as "from", coalesce(until, at) as "to",
    coalesce((gap->>'count')::int8, 0) as count, coalesce(detail, '') as detail
  from events
  where site = $1 and kind = 'gap' and at < $3 and coalesce(until, at) >= $2
  order by at limit ${REPORT_LIST_MAX + 1}`;

export class ReportContent {
  readonly subject: ReportSubject;
  /** The period as far as it has been. */
  readonly span: Span;
  readonly #options: ReportContentOptions;
  #progress = 0;
  #rows = 0;
  #isShortened = false;

  constructor(options: ReportContentOptions) {
    const { from, to, madeAt } = options.subject;
    this.subject = options.subject;
    this.#options = options;
    this.span = {
      fromMs: from.getTime(),
      toMs: Math.max(from.getTime(), Math.min(to.getTime(), madeAt.getTime())),
    };
  }

  /** 0 to 1, by the parts that were read. */
  get progress(): number {
    return this.#progress;
  }

  /** Entries of all parts, so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Whether the parts that were read left something out, as there is too much of it. */
  get isShortened(): boolean {
    return this.#isShortened;
  }

  /** @throws {AppError} STORE_UNAVAILABLE (retryable), as every part. */
  async cameras(): Promise<CameraPart[]> {
    const cameras = await this.#options.database.query<Known>(CAMERAS, [this.subject.site]);
    return this.#atMost(REPORT_CAMERAS_MAX, await this.#available(cameras, CAMERA_OUTAGES));
  }

  /** Those with a noted outage by it, the others by what they sent. */
  async sensors(): Promise<SensorPart[]> {
    const { database, subject } = this.#options;
    const away = await database.query<Known>(SENSORS_AWAY, this.#values());
    const available = await this.#available(away, SENSOR_OUTAGES);
    const sensors = available.map((sensor): SensorPart => ({ ...sensor, basis: 'outages' }));
    const noted = away.map(({ id }) => id);
    for await (const silence of readSilences(database, subject.site, this.span, noted)) sensors.push(silence);
    this.#progress = BEFORE_SERIES;
    return this.#atMost(
      REPORT_SENSORS_MAX,
      sensors.sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  }

  async *series(): AsyncGenerator<SeriesPart> {
    for await (const series of readSeries(this.#options.database, this.subject.site, this.span)) {
      this.#rows += 1;
      this.#progress = BEFORE_SERIES + SERIES * (series.place / Math.min(series.places, REPORT_SERIES_MAX));
      this.#isShortened ||= series.places > REPORT_SERIES_MAX;
      yield series;
    }
    this.#progress = BEFORE_SERIES + SERIES;
  }

  /** By their begin, as the gaps. */
  alerts(): AsyncGenerator<AlertPart> {
    return this.#list<AlertPart>(ALERTS);
  }

  gaps(): AsyncGenerator<GapPart> {
    return this.#list<GapPart>(GAPS);
  }

  async *pictures(): AsyncGenerator<PicturePart> {
    yield* readSheet(this.#options, this.subject.site, this.span);
  }

  async *#list<Part extends object>(sql: string): AsyncGenerator<Part> {
    let listed = 0;
    for await (const part of cursorRows<Part>(this.#options.database, sql, this.#values(), BATCH_ROWS)) {
      if (listed >= REPORT_LIST_MAX) {
        this.#isShortened = true;
        return;
      }
      listed += 1;
      this.#rows += 1;
      yield part;
    }
  }

  #atMost<Part>(max: number, parts: Part[]): Part[] {
    this.#isShortened ||= parts.length > max;
    this.#rows += Math.min(max, parts.length);
    return parts.slice(0, max);
  }

  /** By the outages that `sql` finds, each thing from when it was known. */
  async #available(things: Known[], sql: string): Promise<(Availability & { id: string; name: string })[]> {
    const { fromMs, toMs } = this.span;
    const sinceOf = ({ knownSince }: Known): number =>
      Math.min(toMs, Math.max(fromMs, knownSince?.getTime() ?? fromMs));
    const spans = new Map(things.map((thing) => [thing.id, { fromMs: sinceOf(thing), toMs }]));
    const outages = cursorRows<Outage>(this.#options.database, sql, this.#values(), BATCH_ROWS);
    const folded = await foldOutages(outages, spans);
    return things.flatMap(({ id, name }) => {
      const availability = folded.get(id);
      return availability === undefined ? [] : [{ id, name, ...availability }];
    });
  }

  #values(): [string, Date, Date] {
    return [this.subject.site, new Date(this.span.fromMs), new Date(this.span.toMs)];
  }
}
