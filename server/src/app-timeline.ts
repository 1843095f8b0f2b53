// The steps of the start that keep account of what is away, and answer with what happened.

import type { Fleet } from './fleet/fleet.ts';
import type { Database } from './postgres/pool.ts';
import type { LatestValues } from './telemetry/latest-values.ts';
import type { TelemetryQueries } from './telemetry/telemetry-query.ts';
import type { OutageStore } from './timeline/outage-store.ts';
import { OutageWatch } from './timeline/outage-watch.ts';
import { SensorSilence } from './timeline/sensor-silence.ts';
import { Timelines } from './timeline/timeline.ts';
import type { Opening } from './app-opening.ts';

interface TimelineNeeds {
  database: Database;
  fleet: Fleet;
  latest: LatestValues;
  queries: TelemetryQueries;
  outages: OutageStore;
}

/** After the broker, so in the end before it: devices that are let go then are not away. */
export function openTimeline({ lifetime, logger }: Opening, needs: TimelineNeeds) {
  const { fleet, outages: store } = needs;
  const silence = new SensorSilence({ ...needs, store });
  const outageWatch = lifetime.own('outages', new OutageWatch({ fleet, store, silence, logger }));
  outageWatch.start();
  return { silence, outageWatch, timelines: new Timelines(needs) };
}
