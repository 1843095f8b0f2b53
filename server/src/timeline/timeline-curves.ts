// Curves of the series that were asked for, in few points each; of some series where none was named.

import type { Queryable } from '../postgres/pool.ts';
import type { SeriesPoints, TelemetryQueries } from '../telemetry/telemetry-query.ts';
import type { Part, TimelineQuery } from './timeline-query.ts';

/** Of one answer: the first ones by name. */
const CURVES_MAX = 4;
/** More than that many on a line nobody sees. */
const POINTS_MAX = 600;

export async function readCurves(
  database: Queryable,
  queries: Pick<TelemetryQueries, 'answer'>,
  { site, sensor, metric, from, to, timeZone }: TimelineQuery,
  share: number,
): Promise<Part<SeriesPoints>> {
  const series = await database.query<{ sensor: string; metric: string; of: number }>(
    `select sensor, metric, count(*) over ()::int as of from series
     where site = $1 and ($2::text is null or sensor = $2) and ($3::text is null or metric = $3)
     order by sensor, metric limit $4`,
    [site, sensor ?? null, metric ?? null, CURVES_MAX],
  );
  const maxPoints = Math.min(POINTS_MAX, Math.max(1, Math.floor(share / Math.max(1, series.length))));
  const items = await queries.answer({ site, series, from, to, maxPoints, timeZone });
  const of = series[0]?.of ?? 0;
  const isCut = of > series.length;
  return { items, thinned: isCut ? [{ what: 'curves', bucketMs: null, shown: series.length, of }] : [] };
}
