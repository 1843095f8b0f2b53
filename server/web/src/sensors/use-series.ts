// History of one series over a range, read again now and then, and extended live.

import { useEffect, useMemo, useState } from 'react';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { api } from '../api/endpoints.ts';
import type { Series } from '../api/types.ts';
import { fleet } from '../state/fleet-sync.ts';
import { RANGE_MS, appendLive, columnsOf, type Columns, type LivePoint, type Range } from './series.ts';

const MAX_POINTS = 600;
const REREAD_MS = 60_000;
/** Of the viewer. */
const TIME_ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const LIVE_FRAME_MS = 1_000;

export interface History {
  columns: Columns;
  /** Width of the buckets, 0 when raw. */
  bucketMs: number;
  fromMs: number;
  toMs: number;
  isLoaded: boolean;
  failure: unknown;
}

interface Read {
  range: Range;
  series: Series | undefined;
}

export function useHistory(value: LatestValue, range: Range): History {
  const { site, sensor, metric } = value;
  const [read, setRead] = useState<Read | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const [live, setLive] = useState<LivePoint[]>([]);
  const [toMs, setToMs] = useState(() => Date.now());

  useEffect(() => {
    const abort = new AbortController();
    const load = (): void => {
      const now = Date.now();
      const query = {
        site,
        sensor,
        metric,
        from: new Date(now - RANGE_MS[range]).toISOString(),
        to: new Date(now).toISOString(),
        maxPoints: MAX_POINTS,
        tz: TIME_ZONE,
      };
      api.series(query, abort.signal).then(
        (series) => {
          setFailure(undefined);
          setRead({ range, series });
        },
        (error: unknown) => {
          if (!abort.signal.aborted) setFailure(error);
        },
      );
    };
    load();
    const timer = setInterval(load, REREAD_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [site, sensor, metric, range]);

  useEffect(() => {
    const key = `${site}/${sensor}/${metric}`;
    const take = (): void => {
      const newest = fleet.get().latest[key];
      if (newest !== undefined) setLive((points) => appendLive(points, newest));
    };
    const timer = setInterval(() => setToMs(Date.now()), LIVE_FRAME_MS);
    const unsubscribe = fleet.subscribe(take);
    return () => {
      clearInterval(timer);
      unsubscribe();
    };
  }, [site, sensor, metric]);

  const isLoaded = read?.range === range;
  const fromMs = toMs - RANGE_MS[range];
  const columns = useMemo(
    () => columnsOf(isLoaded ? read.series : undefined, isLoaded ? live : [], fromMs),
    [read, isLoaded, live, fromMs],
  );
  const bucketMs = (isLoaded ? read.series?.bucketMs : undefined) ?? 0;
  return { columns, bucketMs, fromMs, toMs, isLoaded, failure };
}
