// What must be as it was once all is over: handles and timers of the process, listeners, levels in /metrics, heap.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import type { RunningApp } from './running-app.ts';
import { waitFor } from './wait-for.ts';

/** Levels that come and go with what is open; the others (memory, event loop, totals) have no fixed value. */
const GAUGES = [
  'live_streams',
  'live_stills_streams',
  'live_viewers',
  'live_cached_bytes',
  'broker_data_connections',
  'broker_media_connections',
  'broker_agents',
  'broker_sensors',
  'broker_data_held_bytes',
  'broker_media_held_bytes',
  'updates_sockets',
  'snapshots_staged',
  'snapshots_waiting',
  'uploads_active',
  'uploads_held_bytes',
  'postgres_callers_waiting',
];
const WARM_UP_ROUNDS = 20;
const ROUNDS = 200;
/** Connections and timers of pools and of the measuring itself, which come and go; far below one for each round. */
const HANDLE_SLACK = { warmUp: 10, after: 3 };
/** What a collected heap may differ by for reasons of its own: compiled code, caches of libraries. */
const HEAP_SLACK_BYTES = 6 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export type Numbers = Record<string, number>;

/**
 * Does it some times to fill what fills once, notes the numbers, does it 200 times, and waits until none is above.
 * @param times opens and breaks it so many times.
 */
export async function expectNothingLeft(
  server: RunningApp,
  times: (rounds: number) => Promise<void>,
): Promise<void> {
  const idle = await readNumbers(server);
  await times(WARM_UP_ROUNDS);
  const before = await settle(server, idle, HANDLE_SLACK.warmUp);
  const heapBefore = heapBytes();
  await times(ROUNDS);
  await settle(server, before, HANDLE_SLACK.after);
  const heapGrownBytes = heapBytes() - heapBefore;
  expect(heapGrownBytes).toBeLessThan(HEAP_SLACK_BYTES);
}

/** @returns the numbers, none of which is above `bound`; handles may be by `slack`. */
async function settle(server: RunningApp, bound: Numbers, slack: number): Promise<Numbers> {
  let numbers: Numbers = {};
  const above = async (): Promise<Numbers> => {
    numbers = await readNumbers(server);
    return Object.fromEntries(
      Object.entries(numbers).filter(
        ([name, value]) => value > (bound[name] ?? 0) + (LASTING.has(name) ? slack : 0),
      ),
    );
  };
  await waitFor('the numbers of the beginning', async () => Object.keys(await above()).length === 0).catch(
    async () => expect(await above()).toEqual({}),
  );
  return numbers;
}

async function readNumbers(server: RunningApp): Promise<Numbers> {
  const gauges = await server.metrics(GAUGES);
  return { ...gauges, ...handles(), processListeners: processListeners() };
}

function handles(): Numbers {
  const counts: Numbers = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (!LASTING.has(kind)) continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Not requests under way, such as a read of a file: those come and go with the measuring itself. */
const LASTING = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeWrap',
  'Timeout',
  'ProcessWrap',
  'FSEventWrap',
]);

function processListeners(): number {
  return process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
}

function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
