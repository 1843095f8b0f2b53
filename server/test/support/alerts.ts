// Rules and alerts on a real database, in a world that a test makes: its sensors, cameras, agents, disk and pressure.

import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { AlertFeed } from '../../src/alerts/alert-feed.ts';
import { Alerts, type AlertsOptions } from '../../src/alerts/alerts.ts';
import type { ConditionOf, RuleCondition, RuleDraft } from '../../src/alerts/rule.ts';
import type { Agent, Camera, Sensor } from '../../src/fleet/fleet-records.ts';
import type { PressureLevel } from '../../src/guard/levels.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { ManualClock } from './manual-clock.ts';
import { testLogger } from './postgres.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
const GIB = 1024 ** 3;

export class AlertsWorld {
  readonly clock = new ManualClock();
  readonly feed = new AlertFeed();
  readonly database: Database;
  readonly changes: { id: string; state: string }[] = [];
  readonly pictures: string[] = [];
  cameras: Camera[] = [];
  agents: Agent[] = [];
  sensors: Sensor[] = [];
  newest: LatestValue[] = [];
  freeBytes = 100 * GIB;
  pressure: { level: PressureLevel; causes: string[] } = { level: 'normal', causes: [] };
  takeSnapshot: AlertsOptions['takeSnapshot'] = async () => ({ snapshotId: '01JZ0000000000000000000000' });
  onTold: () => void = () => undefined;
  more: Partial<AlertsOptions> = {};
  #alerts: Alerts | undefined;

  constructor(database: Database) {
    this.database = database;
  }

  static async open(database: Database): Promise<AlertsWorld> {
    await database.query(`insert into sites (id, name) values ('yard', 'Yard'), ('farm', 'Farm')`);
    const world = new AlertsWorld(database);
    await world.start();
    // Beyond the moment that devices have to come back in.
    world.clock.advance(2 * MINUTE_MS);
    return world;
  }

  get alerts(): Alerts {
    if (!this.#alerts) throw new TypeError('the alerts are not started');
    return this.#alerts;
  }

  async start(): Promise<void> {
    this.#alerts = new Alerts({
      database: this.database,
      feed: this.feed,
      world: {
        cameras: () => this.cameras,
        agents: () => this.agents,
        sensors: () => this.sensors,
        newestMsOf: (series) => this.#newestMsOf(series),
        newestOf: ({ site, id }) => this.newest.filter((one) => one.site === site && one.sensor === id),
        pressure: () => this.pressure,
      },
      disk: {
        read: async () => ({
          totalBytes: 500 * GIB,
          freeBytes: this.freeBytes,
          minFreeBytes: GIB,
          isWritable: true,
        }),
      },
      takeSnapshot: (camera) => {
        this.pictures.push(`${camera.site}/${camera.id}`);
        return this.takeSnapshot(camera);
      },
      onTold: () => this.onTold(),
      onChanged: ({ id, state }) => void this.changes.push({ id, state }),
      logger: testLogger,
      clock: this.clock,
      ...this.more,
    });
    await this.#alerts.start();
  }

  async close(): Promise<void> {
    await this.#alerts?.close();
  }

  async restart(downMs: number): Promise<void> {
    await this.close();
    this.clock.advance(downMs);
    await this.start();
  }

  /** Time goes by, looked at every five seconds as the timer does. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.nowMs() + ms;
    while (this.clock.nowMs() < untilMs) {
      this.clock.advance(Math.min(5_000, untilMs - this.clock.nowMs()));
      await this.alerts.look();
    }
  }

  /** A reading of the site `yard` comes, and is stored. */
  async read(sensor: string, metric: string, value: number): Promise<void> {
    // Two of the same time would be one.
    const beforeMs = this.#newestMsOf({ site: 'yard', sensor, metric }) ?? 0;
    await this.readAll(sensor, metric, [[Math.max(this.clock.nowMs(), beforeMs + 1), value]]);
  }

  /** Several come in one message, as a gateway sends them after an outage of its line. */
  async readAll(sensor: string, metric: string, values: [tsMs: number, value: number][]): Promise<void> {
    const readings = values.map(([tsMs, value]) => ({ site: 'yard', sensor, metric, tsMs, value }));
    this.feed.heard(readings);
    const newest = readings.reduce((latest, one) => (one.tsMs > latest.tsMs ? one : latest));
    if (newest.tsMs > (this.#newestMsOf(newest) ?? 0)) {
      const { tsMs, ...rest } = newest;
      const others = this.newest.filter((one) => one.sensor !== sensor || one.metric !== metric);
      this.newest = [...others, { ...rest, unit: null, label: null, ts: new Date(tsMs).toISOString() }];
    }
    this.sensors = [
      ...this.sensors.filter(({ id }) => id !== sensor),
      { site: 'yard', id: sensor, agent: null, name: sensor, lastSeenAt: new Date(this.clock.nowMs()) },
    ];
    await this.alerts.look();
  }

  #newestMsOf({
    site,
    sensor,
    metric,
  }: {
    site: string;
    sensor: string;
    metric: string;
  }): number | undefined {
    const known = this.newest.find(
      (one) => one.site === site && one.sensor === sensor && one.metric === metric,
    );
    return known && Date.parse(known.ts);
  }

  rule(condition: RuleCondition, more: Partial<RuleDraft> = {}): ReturnType<Alerts['createRule']> {
    return this.alerts.createRule({ ...draftOf(condition), ...more });
  }

  async found(): Promise<{ subject: string; state: string; endReason: string | null }[]> {
    const { items } = await this.alerts.list({ limit: 100 });
    return items.map(({ subject, state, endReason }) => ({ subject, state, endReason }));
  }

  camera(id: string, state: Camera['report']['state'], reason: string | null = null): Camera {
    const now = new Date(this.clock.nowMs());
    const report = {
      id,
      name: id,
      state,
      reason,
      detail: null,
      since: now.toISOString(),
      codec: null,
      width: null,
      height: null,
      fps: null,
      profiles: [],
    };
    return { site: 'yard', id, agent: 'gate', customName: null, report, updatedAt: now };
  }

  agent(id: string, isConnected: boolean): Agent {
    const now = new Date(this.clock.nowMs());
    return {
      site: 'yard',
      id,
      name: null,
      isConnected,
      since: now,
      absence: null,
      version: null,
      bootId: null,
      health: null,
      lastSeenAt: now,
    };
  }
}

export function draftOf(condition: RuleCondition): RuleDraft {
  return {
    site: condition.kind === 'pressure' ? null : 'yard',
    name: `Rule of kind ${condition.kind}`,
    severity: 'warning',
    enabled: true,
    condition,
    forMs: 0,
    clearMs: 60_000,
    channels: [],
    snapshotCamera: null,
  };
}

export const TOO_HOT: ConditionOf<'threshold'> = {
  kind: 'threshold',
  sensor: null,
  metric: 'temperature',
  direction: 'above',
  limit: 30,
  clearAt: 28,
};
