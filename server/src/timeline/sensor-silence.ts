// Which sensors are silent, and since when. Borrows the fleet, the newest readings, the table and the database.
//
// The rule: a sensor is silent when nothing came from it for five times its usual interval, and for 5 minutes at least; the
// usual interval is one that 95 % of the gaps between its newest readings (of the last 30 days, at most 100 gaps) keep. With
// fewer than 10 gaps nothing is usual yet. While the agent of a sensor is away the sensor is not judged, nor for the time
// before its agent, or this server, was back: its readings may wait in the spool.

import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Fleet } from '../fleet/fleet.ts';
import type { Sensor } from '../fleet/fleet-records.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { LatestValues } from '../telemetry/latest-values.ts';
import type { NewOutage, OpenOutage, OutageStore } from './outage-store.ts';

const SILENT_INTERVALS = 5;
const SILENT_AT_LEAST_MS = 5 * 60_000;
/** How exactly the fleet knows when a sensor was last heard. */
const SEEN_GRAIN_MS = 60_000;
/** Sensors whose usual interval is looked up in one sweep; the others wait for the next ones. */
export const SENSORS_LOOKED_UP_MAX = 50;
/** Quiet sensors of which it is remembered; more of them are not judged (`reject`). */
export const QUIET_SENSORS_MAX = 10_000;

export interface SensorSilenceOptions {
  fleet: Pick<Fleet, 'agent' | 'sensors' | 'sensor'>;
  latest: Pick<LatestValues, 'newestMsOf'>;
  store: Pick<OutageStore, 'endOfSilence'>;
  database: Queryable;
  clock?: Clock;
}

export class SensorSilence {
  readonly #options: SensorSilenceOptions & { clock: Clock };
  readonly #startedMs: number;
  /** By address, how long a sensor that is quiet now may be; Infinity where that is not known. */
  readonly #mayBeMs = new Map<string, number>();
  readonly counters = { sensorsLookedUpLater: 0, sensorsNotJudged: 0 };

  constructor(options: SensorSilenceOptions) {
    this.#options = { clock: systemClock, ...options };
    this.#startedMs = this.#options.clock.nowMs();
  }

  /** Sensors that fell silent. @param isKnown those that are not asked for. */
  async begun(isKnown: (sensor: Address & { kind: 'sensor' }) => boolean): Promise<NewOutage[]> {
    const begun: NewOutage[] = [];
    const quiet = this.#options.fleet
      .sensors()
      .filter(
        (sensor) => !isKnown({ kind: 'sensor', ...sensor }) && this.#quietMs(sensor) > SILENT_AT_LEAST_MS,
      );
    this.#forgetAllBut(quiet);
    await this.#lookUp(quiet.filter((sensor) => !this.#mayBeMs.has(formatAddress(sensor))));
    for (const sensor of quiet) {
      if (this.#quietMs(sensor) <= (this.#mayBeMs.get(formatAddress(sensor)) ?? Infinity)) continue;
      const { site, id } = sensor;
      begun.push({ kind: 'sensor', site, id, began: new Date(this.#heardMs(sensor)), reason: 'silent' });
    }
    return begun;
  }

  /** Ends the outages of sensors that speak again. */
  async settle(open: OpenOutage[]): Promise<void> {
    for (const { site, id, began } of open) {
      const sensor = this.#options.fleet.sensor({ site, id });
      if (sensor === undefined || this.#heardMs(sensor) <= began.getTime()) continue;
      const mayBeMs = await this.#mayBe(sensor, began.getTime());
      const atLeastMs = Number.isFinite(mayBeMs) ? mayBeMs : SILENT_AT_LEAST_MS;
      await this.#options.store.endOfSilence(sensor, began, atLeastMs);
    }
  }

  /** By arrival, so that readings that come late count too; -1 for one that is not judged. */
  #quietMs({ site, agent: agentId, lastSeenAt }: Sensor): number {
    const agent = agentId === null ? undefined : this.#options.fleet.agent({ site, id: agentId });
    if (agentId !== null && !agent?.isConnected) return -1;
    const sinceMs = Math.max(
      lastSeenAt.getTime() + SEEN_GRAIN_MS,
      this.#startedMs,
      agent?.since.getTime() ?? 0,
    );
    return this.#options.clock.nowMs() - sinceMs;
  }

  /** Its newest reading; by arrival where its clock is ahead. */
  #heardMs(sensor: Sensor): number {
    const newestMs = this.#options.latest.newestMsOf(sensor) ?? 0;
    const isPast = newestMs > 0 && newestMs <= this.#options.clock.nowMs();
    return isPast ? newestMs : sensor.lastSeenAt.getTime();
  }

  async #lookUp(sensors: Sensor[]): Promise<void> {
    for (const sensor of sensors.slice(0, SENSORS_LOOKED_UP_MAX)) {
      if (this.#mayBeMs.size >= QUIET_SENSORS_MAX) this.counters.sensorsNotJudged += 1;
      else this.#mayBeMs.set(formatAddress(sensor), await this.#mayBe(sensor, this.#heardMs(sensor)));
    }
    this.counters.sensorsLookedUpLater += Math.max(0, sensors.length - SENSORS_LOOKED_UP_MAX);
  }

  async #mayBe(sensor: Sensor, heardMs: number): Promise<number> {
    const usualMs = await usualIntervalMs(this.#options.database, sensor, new Date(heardMs));
    return usualMs === null ? Infinity : Math.max(SILENT_AT_LEAST_MS, SILENT_INTERVALS * usualMs);
  }

  #forgetAllBut(quiet: Sensor[]): void {
    const kept = new Set(quiet.map((sensor) => formatAddress(sensor)));
    for (const key of this.#mayBeMs.keys()) if (!kept.has(key)) this.#mayBeMs.delete(key);
  }
}

/** null where nothing is usual yet, or where the sensor's own login was revoked: nobody waits for it. */
async function usualIntervalMs(
  database: Queryable,
  { site, id, agent }: Sensor,
  heard: Date,
): Promise<number | null> {
  const [row] = await database.query<{ usualMs: number | null }>(
    `select percentile_disc(0.95) within group (order by gap_ms) as "usualMs" from (
       select (extract(epoch from ts - lag(ts) over (order by ts)) * 1000)::float8 as gap_ms from (
         select distinct found.ts
         from (select id from series where site = $1 and sensor = $2 order by id limit 8) as one
         cross join lateral (
           select ts from telemetry
           where series_id = one.id and ts > $3::timestamptz - interval '30 days' and ts <= $3 order by ts desc limit 101
         ) as found
         order by ts desc limit 101
       ) as readings
     ) as gaps
     where gap_ms is not null
       and ($4::boolean or exists (select from devices where (site, id) = ($1, $2) and revoked_at is null))
     having count(*) >= 10`,
    [site, id, heard, agent !== null],
  );
  return row?.usualMs ?? null;
}
