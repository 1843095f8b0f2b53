// Keeps the fleet store in step with the server while somebody is logged in.

import type { LatestValue, UpdateMessage } from '@sitecast/shared/protocol/viewer-messages';
import { api } from '../api/endpoints.ts';
import { ApiError, socketUrl } from '../api/http.ts';
import { ReconnectingSocket } from '../api/reconnecting-socket.ts';
import type { Sensor, SystemReport } from '../api/types.ts';
import {
  EMPTY_FLEET,
  NEWEST_SNAPSHOTS,
  applyReadings,
  applyUpdate,
  keyOf,
  mergeSnapshots,
  type Fleet,
} from './fleet.ts';
import { refreshSession } from './session.ts';
import { createStore } from './store.ts';

export const fleet = createStore(EMPTY_FLEET);

const RELOAD_RETRY_MS = 5_000;
const SYSTEM_POLL_MS = 5_000;

/**
 * Opens the updates socket first and reads the lists once it is open, so that no change falls between the two.
 * @returns what stops it and forgets the fleet.
 */
export function startFleetSync(): () => void {
  let isStopped = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const reload = (): void => {
    clearTimeout(retry);
    loadFleet().then(
      (change) => {
        if (!isStopped) fleet.update(change);
      },
      () => {
        if (!isStopped) retry = setTimeout(reload, RELOAD_RETRY_MS);
      },
    );
  };
  const socket = new ReconnectingSocket({
    url: () => socketUrl('updates'),
    onState: (connection) => {
      fleet.update((before) => ({ ...before, connection }));
      if (connection === 'open') reload();
    },
    onMessage: (message) => fleet.update((before) => applyUpdate(before, message as UpdateMessage)),
    onRefused: () => void refreshSession(),
  });
  const poll = setInterval(() => void pollSystem(), SYSTEM_POLL_MS);
  reload();
  socket.start();
  return () => {
    isStopped = true;
    clearTimeout(retry);
    clearInterval(poll);
    socket.close();
    fleet.set(EMPTY_FLEET);
  };
}

/** @returns the change that puts the lists into a fleet. */
async function loadFleet(): Promise<(before: Fleet) => Fleet> {
  const [sites, agents, cameras, sensors, latest, snapshots, system] = await Promise.all([
    api.sites(),
    api.agents(),
    api.cameras(),
    api.sensors(),
    api.latest().catch((): LatestValue[] => []),
    api.snapshots({ limit: 24 }),
    api.system().catch(() => undefined),
  ]);
  return (before) =>
    applyReadings(
      {
        ...before,
        isLoaded: true,
        sites,
        agents: byKey(agents),
        cameras: byKey(cameras),
        sensors: byKey(sensors),
        snapshots: mergeSnapshots(before.snapshots, snapshots.items, NEWEST_SNAPSHOTS),
        system: system ?? before.system,
      },
      [...sensors.flatMap(valuesOf), ...latest],
    );
}

async function pollSystem(): Promise<void> {
  if (document.visibilityState === 'hidden') return;
  try {
    const system: SystemReport = await api.system();
    fleet.update((before) => (before.isLoaded ? { ...before, system } : before));
  } catch (error) {
    // The connection state already shows that the server is away; the last figures stay.
    if (error instanceof ApiError && error.status === 401) await refreshSession();
  }
}

function valuesOf(sensor: Sensor): LatestValue[] {
  return (sensor.metrics ?? []).map((metric) => ({ ...metric, site: sensor.site, sensor: sensor.id }));
}

function byKey<Item extends { site: string; id: string }>(items: Item[]): Record<string, Item> {
  return Object.fromEntries(items.map((item) => [keyOf(item.site, item.id), item]));
}
