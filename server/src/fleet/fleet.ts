// What is known of agents, cameras and sensors: in memory for every question, in tables for the next start.
// Borrows the database and the update hub; owns the tables `agents`, `cameras`, `sensors`.
//
// An agent is online while its data connection is open; its status message adds version and boot. A camera belongs to the
// agent that reported it first, until that agent reports it no longer or is gone: two gateways must not fight over a name.
// A device that uploads pictures owns the cameras that it names in the same way, and gives way to an agent that reports one.

import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import type {
  AgentHealth,
  AgentStatus,
  CameraInventory,
  CameraReport,
} from '@sitecast/shared/protocol/status';
import { MAX_CAMERAS_PER_AGENT } from '@sitecast/shared/protocol/limits';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Database } from '../postgres/pool.ts';
import { absenceAfter } from './absence.ts';
import {
  isUploadsOnly,
  UPLOADS_ONLY,
  type Agent,
  type Camera,
  type NewestSnapshot,
  type Sensor,
} from './fleet-records.ts';
import { FleetTables } from './fleet-tables.ts';
import type { UpdateHub } from './updates.ts';

export const MAX_SENSORS_PER_SITE = 1_000;
/** A sensor's row says when it was last seen, this exactly. */
const SEEN_GRAIN_MS = 60_000;

export interface FleetOptions {
  database: Database;
  updates: UpdateHub;
  clock?: Clock;
}

export class Fleet {
  readonly #tables: FleetTables;
  readonly #updates: UpdateHub;
  readonly #clock: Clock;
  readonly #agents = new Map<string, Agent>();
  readonly #cameras = new Map<string, Camera>();
  readonly #sensors = new Map<string, Sensor>();
  /** Bound: one a camera. */
  readonly #newestSnapshots = new Map<string, NewestSnapshot>();
  readonly #sensorsPerSite = new Map<string, number>();
  /** By site, the inventory that is saved last. Bound: the sites; those who wait are held by the broker. */
  readonly #inventories = new Map<string, Promise<void>>();
  readonly #counters = { camerasRefused: 0, sensorsRefused: 0 };

  constructor({ database, updates, clock = systemClock }: FleetOptions) {
    this.#tables = new FleetTables(database);
    this.#updates = updates;
    this.#clock = clock;
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, sensorWritesRefused: this.#tables.sensorsRefused };
  }

  /** Reads what was known at the last stop; nobody is connected yet. */
  async load(): Promise<void> {
    const { agents, cameras, sensors, snapshots } = await this.#tables.load();
    for (const agent of agents) this.#agents.set(formatAddress(agent), agent);
    for (const camera of cameras) this.#cameras.set(formatAddress(camera), camera);
    for (const sensor of sensors) this.#rememberSensor(sensor);
    for (const { site, camera, ...newest } of snapshots)
      this.#newestSnapshots.set(`${site}/${camera}`, newest);
  }

  agents(): Agent[] {
    return [...this.#agents.values()];
  }

  agent(address: Address): Agent | undefined {
    return this.#agents.get(formatAddress(address));
  }

  cameras(): Camera[] {
    return [...this.#cameras.values()].map((camera) => this.#asSeenNow(camera));
  }

  camera(address: Address): Camera | undefined {
    const camera = this.#cameras.get(formatAddress(address));
    return camera && this.#asSeenNow(camera);
  }

  /** Its camera has none to show until the next one, where it was the newest. */
  snapshotRemoved(camera: Address, id: string): void {
    const key = formatAddress(camera);
    if (this.#newestSnapshots.get(key)?.id === id) this.#newestSnapshots.delete(key);
  }

  newestSnapshotOf(camera: Address): NewestSnapshot | undefined {
    return this.#newestSnapshots.get(formatAddress(camera));
  }

  sensors(): Sensor[] {
    return [...this.#sensors.values()];
  }

  sensor(address: Address): Sensor | undefined {
    return this.#sensors.get(formatAddress(address));
  }

  agentOf(camera: Address): AgentAddress | undefined {
    const known = this.#cameras.get(formatAddress(camera));
    return known && { site: known.site, agent: known.agent };
  }

  /** False for a camera whose device only uploads: nobody can be asked for a picture. */
  hasAgent(camera: Address): boolean {
    const known = this.#cameras.get(formatAddress(camera));
    return known !== undefined && !isUploadsOnly(known);
  }

  /** False only when another agent owns the camera: an agent may speak of a camera before its inventory arrived. */
  mayPublish({ site, agent }: AgentAddress, camera: string): boolean {
    const owner = this.#cameras.get(`${site}/${camera}`)?.agent;
    return owner === undefined || owner === agent;
  }

  /** The data connection of an agent opened or ended. */
  async connectionChanged({ site, agent }: AgentAddress, isConnected: boolean): Promise<void> {
    // The end of the connection of one that was revoked must not bring it back.
    if (!isConnected && !this.#agents.has(`${site}/${agent}`)) return;
    const known = this.#agentOrNew({ site, agent });
    known.absence = absenceAfter(known, isConnected, this.#now());
    known.isConnected = isConnected;
    known.since = this.#now();
    known.lastSeenAt = this.#now();
    this.#tellAgent(known);
    for (const camera of this.#camerasOf({ site, agent })) this.#tellCamera(camera);
    await this.#tables.saveAgent(known);
  }

  /** A Will that says offline does not make a connected agent offline: it belongs to the connection that was replaced. */
  async applyStatus(from: AgentAddress, status: AgentStatus): Promise<void> {
    const agent = this.#agentOrNew(from);
    agent.lastSeenAt = this.#now();
    if (status.state === 'online') {
      agent.version = status.version;
      agent.bootId = status.bootId;
    }
    this.#tellAgent(agent);
    await this.#tables.saveAgent(agent);
  }

  async applyHealth(from: AgentAddress, health: AgentHealth): Promise<void> {
    const agent = this.#agentOrNew(from);
    agent.health = health;
    agent.lastSeenAt = this.#now();
    await this.#tables.saveAgent(agent);
  }

  /**
   * Those of a site one after the other, in order of arrival: the newest must win, and agents must not both get a camera.
   * @throws {AppError} CONFLICT (not retryable) when another agent has some of the cameras; the others are taken.
   */
  applyInventory(from: AgentAddress, inventory: CameraInventory): Promise<void> {
    return this.#inTurn(from.site, () => this.#applyInventory(from, inventory));
  }

  /**
   * A camera without an agent is known from its first picture on.
   * @param size of that picture.
   * @throws {AppError} FORBIDDEN when an agent or another device has the camera; BAD_REQUEST when the device has
   * MAX_CAMERAS_PER_AGENT; STORE_UNAVAILABLE.
   */
  async uploadSeen(
    from: AgentAddress,
    camera: string,
    size: { width: number; height: number },
  ): Promise<void> {
    if (!this.#cameras.has(`${from.site}/${camera}`))
      await this.#inTurn(from.site, () => this.#addUploadsOnly(from, camera, size));
    if (!this.mayPublish(from, camera))
      throw new AppError('FORBIDDEN', `camera ${camera} of site ${from.site} belongs to another device`);
  }

  #inTurn(site: string, step: () => Promise<void>): Promise<void> {
    const before = this.#inventories.get(site) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(step);
    this.#inventories.set(site, turn);
    return turn;
  }

  async #addUploadsOnly(
    from: AgentAddress,
    id: string,
    { width, height }: { width: number; height: number },
  ): Promise<void> {
    if (this.#cameras.has(`${from.site}/${id}`)) return;
    if (this.#camerasOf(from).length >= MAX_CAMERAS_PER_AGENT) {
      this.#counters.camerasRefused += 1;
      throw new AppError('BAD_REQUEST', `device ${from.agent} has ${MAX_CAMERAS_PER_AGENT} cameras already`);
    }
    const updatedAt = this.#now();
    const report: CameraReport = {
      id,
      name: id,
      state: 'stopped',
      reason: UPLOADS_ONLY,
      detail: null,
      since: updatedAt.toISOString(),
      codec: null,
      width,
      height,
      fps: null,
      profiles: [],
    };
    await this.#tables.saveInventory(from, [report], []);
    const camera = { site: from.site, id, agent: from.agent, customName: null, report, updatedAt };
    this.#cameras.set(`${from.site}/${id}`, camera);
    this.#tellCamera(camera);
  }

  async #applyInventory(from: AgentAddress, { cameras }: CameraInventory): Promise<void> {
    const mine = cameras.filter((report) => this.#mayOwn(from, report.id));
    this.#counters.camerasRefused += cameras.length - mine.length;
    const kept = new Set(mine.map(({ id }) => id));
    const gone = this.#camerasOf(from).filter(({ id }) => !kept.has(id));
    await this.#tables.saveInventory(from, mine, gone);
    for (const camera of gone) this.#forgetCamera(camera);
    const updatedAt = this.#now();
    for (const report of mine) {
      const key = `${from.site}/${report.id}`;
      // Read only now: somebody may have given the camera a name meanwhile.
      const customName = this.#cameras.get(key)?.customName ?? null;
      const camera = { site: from.site, id: report.id, agent: from.agent, customName, report, updatedAt };
      this.#cameras.set(key, camera);
      this.#tellCamera(camera);
    }
    if (mine.length < cameras.length) {
      const others = cameras.filter(({ id }) => !kept.has(id)).map(({ id }) => id);
      throw new AppError('CONFLICT', `another agent of site ${from.site} has camera ${others.join(', ')}`);
    }
  }

  /** The agent was revoked: it and its cameras are gone from every list. Their snapshots, events and readings stay. */
  async forgetAgent({ site, id }: Address): Promise<void> {
    await this.#tables.deleteAgent({ site, id });
    this.#agents.delete(`${site}/${id}`);
    this.#updates.publish({ type: 'removed', kind: 'agent', site, id });
    for (const camera of this.#camerasOf({ site, agent: id })) this.#forgetCamera(camera);
  }

  /** Snapshots may arrive late, from a spool. Those of cameras that are not known are not remembered here. */
  snapshotStored(camera: Address, { id, capturedAt, reason }: NewestSnapshot & { reason: string }): void {
    const key = formatAddress(camera);
    const newest = this.#newestSnapshots.get(key);
    if (!this.#cameras.has(key) || (newest && newest.capturedAt >= capturedAt)) return;
    this.#newestSnapshots.set(key, { id, capturedAt });
    this.#updates.publish({
      type: 'snapshot',
      site: camera.site,
      camera: camera.id,
      id,
      capturedAt: capturedAt.toISOString(),
      reason,
    });
  }

  /** @throws {AppError} BAD_REQUEST (not retryable) when the site has MAX_SENSORS_PER_SITE. */
  async sensorSeen({ site, id }: Address, agent: string | null): Promise<void> {
    const known = this.#sensors.get(`${site}/${id}`);
    const now = this.#now();
    if (known && now.getTime() - known.lastSeenAt.getTime() < SEEN_GRAIN_MS) return;
    if (!known && (this.#sensorsPerSite.get(site) ?? 0) >= MAX_SENSORS_PER_SITE) {
      this.#counters.sensorsRefused += 1;
      throw new AppError('BAD_REQUEST', `site ${site} has ${MAX_SENSORS_PER_SITE} sensors already`);
    }
    const sensor: Sensor = { site, id, agent, name: known?.name ?? id, lastSeenAt: now };
    await this.#tables.saveSensor(sensor);
    this.#rememberSensor(sensor);
  }

  /** @param customName null goes back to the agent's name. */
  async renameCamera(address: Address, customName: string | null): Promise<Camera | undefined> {
    const camera = this.#cameras.get(formatAddress(address));
    if (!camera) return undefined;
    await this.#tables.renameCamera(address, customName);
    const renamed = { ...camera, customName };
    this.#cameras.set(formatAddress(address), renamed);
    this.#tellCamera(renamed);
    return this.#asSeenNow(renamed);
  }

  /** @param name null goes back to the id. */
  async renameAgent(address: Address, name: string | null): Promise<Agent | undefined> {
    const agent = this.#agents.get(formatAddress(address));
    if (!agent) return undefined;
    await this.#tables.renameAgent(address, name);
    agent.name = name;
    return agent;
  }

  async renameSensor(address: Address, name: string): Promise<Sensor | undefined> {
    const sensor = this.#sensors.get(formatAddress(address));
    if (!sensor) return undefined;
    const renamed = { ...sensor, name };
    await this.#tables.saveSensor(renamed);
    this.#rememberSensor(renamed);
    return renamed;
  }

  #mayOwn({ site, agent }: AgentAddress, camera: string): boolean {
    const owner = this.#cameras.get(`${site}/${camera}`)?.agent;
    if (owner === undefined || owner === agent) return true;
    return this.#agents.get(`${site}/${owner}`)?.isConnected !== true;
  }

  #forgetCamera(camera: Address): void {
    this.#cameras.delete(formatAddress(camera));
    this.#newestSnapshots.delete(formatAddress(camera));
    this.#updates.publish({ type: 'removed', kind: 'camera', site: camera.site, id: camera.id });
  }

  #camerasOf({ site, agent }: AgentAddress): Camera[] {
    return [...this.#cameras.values()].filter((camera) => camera.site === site && camera.agent === agent);
  }

  #agentOrNew({ site, agent }: AgentAddress): Agent {
    const key = `${site}/${agent}`;
    const known = this.#agents.get(key);
    if (known) return known;
    const now = this.#now();
    const made: Agent = {
      site,
      id: agent,
      name: null,
      isConnected: false,
      since: now,
      absence: null,
      version: null,
      bootId: null,
      health: null,
      lastSeenAt: now,
    };
    this.#agents.set(key, made);
    return made;
  }

  #rememberSensor(sensor: Sensor): void {
    const key = formatAddress(sensor);
    if (!this.#sensors.has(key)) {
      this.#sensorsPerSite.set(sensor.site, (this.#sensorsPerSite.get(sensor.site) ?? 0) + 1);
    }
    this.#sensors.set(key, sensor);
  }

  #asSeenNow(camera: Camera): Camera {
    const agent = this.#agents.get(`${camera.site}/${camera.agent}`);
    if (agent?.isConnected || isUploadsOnly(camera)) return camera;
    const since = (agent?.since ?? camera.updatedAt).toISOString();
    const report: CameraReport = {
      ...camera.report,
      state: 'waiting',
      reason: 'AGENT_OFFLINE',
      detail: null,
      since,
    };
    return { ...camera, report };
  }

  #tellAgent({ site, id, isConnected, since, version, bootId }: Agent): void {
    this.#updates.publish({
      type: 'agent',
      site,
      id,
      status: {
        state: isConnected ? 'online' : 'offline',
        since: since.toISOString(),
        version: version ?? '',
        bootId: bootId ?? '',
      },
    });
  }

  #tellCamera(camera: Camera): void {
    const { site, id, agent, report, customName } = this.#asSeenNow(camera);
    this.#updates.publish({
      type: 'camera',
      site,
      id,
      agent,
      report: { ...report, name: customName ?? report.name },
    });
  }

  #now(): Date {
    return new Date(this.#clock.nowMs());
  }
}
