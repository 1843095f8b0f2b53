// When the disks will be full, if they go on as they did: free space of the server and of each gateway every few minutes, and
// a line through it that PostgreSQL draws. Owns the table `disk_levels`; borrows the database.

import type { Clock } from '@sitecast/shared/runtime/clock';
import type { Agent } from '../fleet/fleet-records.ts';
import type { DiskReading } from '../guard/disk-watch.ts';
import type { Database } from '../postgres/pool.ts';
import { FORECAST_WINDOWS_HOURS } from './rule.ts';

const HOUR_MS = 3_600_000;
const DISK_LEVEL_MS = 10 * 60_000;
const KEPT_MS = Math.max(...FORECAST_WINDOWS_HOURS) * HOUR_MS;
/** A line through fewer points, or through less of the window, says nothing. */
const LEAST_POINTS = 6;
const LEAST_SHARE_OF_WINDOW = 0.25;
/** Beyond that a forecast is a guess. */
const HOURS_MAX = 24 * 366;

export interface DiskForecast {
  /** Null, as agent: of the server. */
  site: string | null;
  agent: string | null;
  /** Null: it does not fill. */
  hoursLeft: number | null;
  /** False: there are too few levels yet. */
  isKnown: boolean;
}

export interface DiskForecastsOptions {
  database: Database;
  disk: { read(): Promise<DiskReading> };
  agents: () => Agent[];
  clock: Clock;
}

interface Level {
  site: string | null;
  agent: string | null;
  freeBytes: number;
  totalBytes: number;
}

interface Line {
  site: string | null;
  agent: string | null;
  points: number;
  spanHours: number;
  bytesPerHour: number | null;
  freeBytes: number;
}

export class DiskForecasts {
  readonly #options: DiskForecastsOptions;
  /** By window; each is replaced as a whole. */
  readonly #forecasts = new Map<number, DiskForecast[]>();
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskForecastsOptions) {
    this.#options = options;
  }

  /** Undefined before the first {@link refresh} that had a rule to do it for. */
  over(windowHours: number): readonly DiskForecast[] | undefined {
    return this.#forecasts.get(windowHours);
  }

  /** Does nothing before its time. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async refresh(windows: ReadonlySet<number>): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.#nextMs) return;
    await this.#store(await this.#read(), nowMs);
    for (const hours of FORECAST_WINDOWS_HOURS) {
      if (windows.has(hours)) this.#forecasts.set(hours, await this.#draw(hours, nowMs));
      else this.#forecasts.delete(hours);
    }
    this.#nextMs = nowMs + DISK_LEVEL_MS;
  }

  /** Rules changed: the next refresh does its work at once. */
  expire(): void {
    this.#nextMs = Number.NEGATIVE_INFINITY;
  }

  async #read(): Promise<Level[]> {
    const { disk, agents } = this.#options;
    const { freeBytes, totalBytes } = await disk.read();
    const levels: Level[] = totalBytes > 0 ? [{ site: null, agent: null, freeBytes, totalBytes }] : [];
    for (const { site, id, isConnected, health } of agents())
      if (isConnected && health) levels.push({ site, agent: id, ...health.disk });
    return levels;
  }

  async #store(levels: Level[], nowMs: number): Promise<void> {
    const { database } = this.#options;
    await database.query(
      `insert into disk_levels (site, agent, at, free_bytes, total_bytes)
       select site, agent, $1, free_bytes, total_bytes
       from unnest($2::text[], $3::text[], $4::int8[], $5::int8[]) as given (site, agent, free_bytes, total_bytes)
       on conflict do nothing`,
      [
        new Date(nowMs),
        levels.map(({ site }) => site),
        levels.map(({ agent }) => agent),
        levels.map(({ freeBytes }) => freeBytes),
        levels.map(({ totalBytes }) => totalBytes),
      ],
    );
    await database.query('delete from disk_levels where at < $1', [new Date(nowMs - KEPT_MS)]);
  }

  async #draw(windowHours: number, nowMs: number): Promise<DiskForecast[]> {
    const lines = await this.#options.database.query<Line>(
      `select site, agent, count(*) as points, extract(epoch from max(at) - min(at))::float8 / 3600 as "spanHours",
         regr_slope(free_bytes, extract(epoch from at)::float8 / 3600) as "bytesPerHour",
         (array_agg(free_bytes order by at desc))[1] as "freeBytes"
       from disk_levels where at > $1 group by site, agent`,
      [new Date(nowMs - windowHours * HOUR_MS)],
    );
    return lines.map((line) => ({
      site: line.site,
      agent: line.agent,
      hoursLeft: hoursLeft(line),
      isKnown: line.points >= LEAST_POINTS && line.spanHours >= windowHours * LEAST_SHARE_OF_WINDOW,
    }));
  }
}

function hoursLeft({ bytesPerHour, freeBytes }: Line): number | null {
  if (bytesPerHour === null || bytesPerHour >= 0) return null;
  const hours = freeBytes / -bytesPerHour;
  return hours > HOURS_MAX ? null : hours;
}
