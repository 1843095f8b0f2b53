// The sites as the page knows them: read once over HTTP, then kept up to date by update messages. Pure.

import type { LatestValue, UpdateMessage } from '@sitecast/shared/protocol/viewer-messages';
import type { SocketState } from '../api/reconnecting-socket.ts';
import type { Agent, Camera, Sensor, Site, Snapshot, SystemReport } from '../api/types.ts';

export interface Fleet {
  isLoaded: boolean;
  connection: SocketState;
  sites: Site[];
  /** By `site/id`. */
  cameras: Record<string, Camera>;
  agents: Record<string, Agent>;
  sensors: Record<string, Sensor>;
  /** By `site/sensor/metric`. */
  latest: Record<string, LatestValue>;
  /** Newest first, bounded. */
  snapshots: Snapshot[];
  system: SystemReport | undefined;
  /** Grows whenever an alert fires or ends: whoever shows alerts reads them again. */
  alertChanges: number;
  /** Grows whenever a clip begins or ends. */
  clipChanges: number;
}

export const NEWEST_SNAPSHOTS = 60;

export const EMPTY_FLEET: Fleet = {
  isLoaded: false,
  connection: 'connecting',
  sites: [],
  cameras: {},
  agents: {},
  sensors: {},
  latest: {},
  snapshots: [],
  system: undefined,
  alertChanges: 0,
  clipChanges: 0,
};

export const keyOf = (site: string, ...ids: string[]): string => [site, ...ids].join('/');

/** The fleet after one message; the same object when the message changes nothing or is of a kind this page does not know. */
export function applyUpdate(fleet: Fleet, update: UpdateMessage): Fleet {
  switch (update.type) {
    case 'agent':
      return applyAgent(fleet, update);
    case 'camera':
      return applyCamera(fleet, update);
    case 'removed':
      return applyRemoved(fleet, update);
    case 'snapshot':
      return applySnapshot(fleet, update);
    case 'readings':
      return applyReadings(fleet, update.values);
    case 'system':
      return { ...fleet, system: { ...fleet.system, ...update.system } };
    case 'alert':
      return { ...fleet, alertChanges: fleet.alertChanges + 1 };
    case 'event':
      return update.kind === 'clip' ? { ...fleet, clipChanges: fleet.clipChanges + 1 } : fleet;
    default:
      return fleet;
  }
}

function applyAgent(fleet: Fleet, { site, id, status }: Extract<UpdateMessage, { type: 'agent' }>): Fleet {
  const key = keyOf(site, id);
  const { state, since, version } = status;
  const agent: Agent = { lastSeenAt: since, ...fleet.agents[key], site, id, state, since, version };
  const cameras = Object.fromEntries(
    Object.entries(fleet.cameras).map(([address, camera]) => [
      address,
      camera.site === site && camera.agent === id ? { ...camera, online: state === 'online' } : camera,
    ]),
  );
  return { ...withSite(fleet, site), agents: { ...fleet.agents, [key]: agent }, cameras };
}

function applyRemoved(fleet: Fleet, { kind, site, id }: Extract<UpdateMessage, { type: 'removed' }>): Fleet {
  const key = keyOf(site, id);
  if (kind === 'agent') return { ...fleet, agents: without(fleet.agents, key) };
  return { ...fleet, cameras: without(fleet.cameras, key) };
}

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([other]) => other !== key));
}

function applyCamera(fleet: Fleet, update: Extract<UpdateMessage, { type: 'camera' }>): Fleet {
  const { site, id, agent, report } = update;
  const key = keyOf(site, id);
  const known = fleet.cameras[key];
  const online = fleet.agents[keyOf(site, agent)]?.state !== 'offline';
  const camera: Camera = {
    ...report,
    name: known?.customName ?? report.name,
    customName: known?.customName ?? null,
    lastSnapshot: known?.lastSnapshot ?? null,
    site,
    id,
    agent,
    online,
  };
  return { ...withSite(fleet, site), cameras: { ...fleet.cameras, [key]: camera } };
}

function applySnapshot(fleet: Fleet, update: Extract<UpdateMessage, { type: 'snapshot' }>): Fleet {
  const { site, camera, id, capturedAt, reason } = update;
  const key = keyOf(site, camera);
  const known = fleet.cameras[key];
  const isNewest = known !== undefined && (known.lastSnapshot?.capturedAt ?? '') <= capturedAt;
  return {
    ...fleet,
    snapshots: mergeSnapshots(fleet.snapshots, [{ site, camera, id, capturedAt, reason }], NEWEST_SNAPSHOTS),
    cameras: isNewest
      ? { ...fleet.cameras, [key]: { ...known, lastSnapshot: { id, capturedAt } } }
      : fleet.cameras,
  };
}

/** Newest first, each once; of two with the same id the one that knows more wins. */
export function mergeSnapshots(before: Snapshot[], added: Snapshot[], most = Infinity): Snapshot[] {
  const byId = new Map<string, Snapshot>();
  for (const snapshot of [...before, ...added]) {
    byId.set(snapshot.id, { ...byId.get(snapshot.id), ...snapshot });
  }
  return [...byId.values()]
    .sort((a, b) => b.capturedAt.localeCompare(a.capturedAt) || b.id.localeCompare(a.id))
    .slice(0, most);
}

export function applyReadings(fleet: Fleet, values: LatestValue[]): Fleet {
  const latest = { ...fleet.latest };
  const sensors = { ...fleet.sensors };
  for (const value of values) {
    const key = keyOf(value.site, value.sensor, value.metric);
    const before = latest[key];
    if (before !== undefined && Date.parse(before.ts) > Date.parse(value.ts)) continue;
    const { unit = null, label = null } = before ?? {};
    latest[key] = { ...value, unit: value.unit ?? unit, label: value.label ?? label };
    const { site, sensor, ts } = value;
    const known = sensors[keyOf(site, sensor)];
    sensors[keyOf(site, sensor)] = { name: null, metrics: [], ...known, site, id: sensor, lastSeenAt: ts };
  }
  return { ...fleet, latest, sensors };
}

function withSite(fleet: Fleet, site: string): Fleet {
  return fleet.sites.some(({ id }) => id === site)
    ? fleet
    : { ...fleet, sites: [...fleet.sites, { id: site }] };
}
