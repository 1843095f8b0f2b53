// SQL of the tables `agents`, `cameras`, `sensors`. Borrows the database.

import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import type { AgentHealth, CameraReport } from '@sitecast/shared/protocol/status';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { Coalesced } from '../postgres/coalesced.ts';
import type { Database } from '../postgres/pool.ts';
import type { Agent, Camera, NewestSnapshot, Sensor } from './fleet-records.ts';

interface AgentRow {
  site: string;
  id: string;
  name: string | null;
  version: string | null;
  boot_id: string | null;
  since: Date;
  health: AgentHealth | null;
  last_seen_at: Date | null;
}

interface CameraRow {
  site: string;
  id: string;
  agent: string;
  custom_name: string | null;
  report: CameraReport;
  updated_at: Date;
}

interface SensorRow {
  site: string;
  id: string;
  agent: string | null;
  name: string | null;
  last_seen_at: Date | null;
}

interface SnapshotRow {
  site: string;
  camera: string;
  id: string;
  captured_at: Date;
}

interface SnapshotOfCamera extends NewestSnapshot {
  site: string;
  camera: string;
}

/**
 * What an agent still had under way when it was revoked must not bring its rows back. Locked, so that of the two statements one
 * waits for the other: without, a row could be written by a statement that began before the revocation and ended after it.
 */
const MAY_CONNECT =
  'exists (select from devices where (site, id) = ($1, $2) and revoked_at is null for share)';

export class FleetTables {
  readonly #database: Database;
  readonly #sensors = new Coalesced<Sensor, void>((sensors) => this.#saveSensors(sensors));

  constructor(database: Database) {
    this.#database = database;
  }

  async load(): Promise<{
    agents: Agent[];
    cameras: Camera[];
    sensors: Sensor[];
    snapshots: SnapshotOfCamera[];
  }> {
    const agents = await this.#database.query<AgentRow>('select * from agents', []);
    const cameras = await this.#database.query<CameraRow>('select * from cameras', []);
    const sensors = await this.#database.query<SensorRow>('select * from sensors', []);
    const snapshots = await this.#database.query<SnapshotRow>(
      `select c.site, c.id as camera, s.id, s.captured_at from cameras c cross join lateral (
         select id, captured_at from snapshots where site = c.site and camera = c.id
         order by captured_at desc, id desc limit 1) s`,
      [],
    );
    return {
      agents: agents.map(toAgent),
      cameras: cameras.map(toCamera),
      sensors: sensors.map(toSensor),
      snapshots: snapshots.map(({ captured_at, ...rest }) => ({ ...rest, capturedAt: captured_at })),
    };
  }

  async saveAgent(agent: Agent): Promise<void> {
    await this.#database.query(
      `insert into agents (site, id, version, boot_id, state, since, health, last_seen_at)
       select $1::text, $2::text, $3, $4, $5, $6::timestamptz, $7::jsonb, $8::timestamptz
       where ${MAY_CONNECT}
       on conflict (site, id) do update set version = excluded.version, boot_id = excluded.boot_id,
         state = excluded.state, since = excluded.since, health = excluded.health, last_seen_at = excluded.last_seen_at`,
      [
        agent.site,
        agent.id,
        agent.version,
        agent.bootId,
        agent.isConnected ? 'online' : 'offline',
        agent.since,
        agent.health,
        agent.lastSeenAt,
      ],
    );
  }

  async deleteAgent({ site, id }: Address): Promise<void> {
    await this.#database.query(
      `with gone as (delete from cameras where site = $1 and agent = $2)
       delete from agents where site = $1 and id = $2`,
      [site, id],
    );
  }

  /** All cameras of one inventory at once; those that another agent had become this agent's. */
  async saveInventory({ site, agent }: AgentAddress, reports: CameraReport[], gone: Camera[]): Promise<void> {
    await this.#database.query(
      `with gone as (delete from cameras where site = $1 and agent = $2 and id = any($5::text[]))
       insert into cameras (site, id, agent, name, report, updated_at)
       select $1, c.id, $2, c.report ->> 'name', c.report, now()
       from unnest($3::text[], $4::jsonb[]) as c (id, report) where ${MAY_CONNECT}
       on conflict (site, id) do update set agent = excluded.agent, name = excluded.name,
         report = excluded.report, updated_at = excluded.updated_at`,
      [
        site,
        agent,
        reports.map(({ id }) => id),
        reports.map((report) => JSON.stringify(report)),
        gone.map(({ id }) => id),
      ],
    );
  }

  async renameCamera({ site, id }: Address, customName: string | null): Promise<void> {
    await this.#database.query('update cameras set custom_name = $3 where site = $1 and id = $2', [
      site,
      id,
      customName,
    ]);
  }

  async renameAgent({ site, id }: Address, name: string | null): Promise<void> {
    await this.#database.query('update agents set name = $3 where site = $1 and id = $2', [site, id, name]);
  }

  saveSensor(sensor: Sensor): Promise<void> {
    return this.#sensors.ask(sensor);
  }

  /** Since the start: too many at once. */
  get sensorsRefused(): number {
    return this.#sensors.refused;
  }

  async #saveSensors(sensors: Sensor[]): Promise<void[]> {
    // A row can be written once by one statement: the last state of each.
    const rows = [...new Map(sensors.map((sensor) => [formatAddress(sensor), sensor])).values()];
    await this.#database.query(
      `insert into sensors (site, id, agent, name, last_seen_at)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
       on conflict (site, id) do update set agent = excluded.agent, name = excluded.name,
         last_seen_at = excluded.last_seen_at`,
      [
        rows.map(({ site }) => site),
        rows.map(({ id }) => id),
        rows.map(({ agent }) => agent),
        rows.map(({ name }) => name),
        rows.map(({ lastSeenAt }) => lastSeenAt),
      ],
    );
    return [];
  }
}

function toAgent(row: AgentRow): Agent {
  return {
    site: row.site,
    id: row.id,
    name: row.name,
    isConnected: false,
    since: row.since,
    absence: null,
    version: row.version,
    bootId: row.boot_id,
    health: row.health,
    lastSeenAt: row.last_seen_at ?? row.since,
  };
}

function toCamera(row: CameraRow): Camera {
  return {
    site: row.site,
    id: row.id,
    agent: row.agent,
    customName: row.custom_name,
    report: row.report,
    updatedAt: row.updated_at,
  };
}

function toSensor({ site, id, agent, name, last_seen_at }: SensorRow): Sensor {
  return { site, id, agent, name: name ?? id, lastSeenAt: last_seen_at ?? new Date(0) };
}
