// Compares what is away with what the table says is away, again and again, and sets the table right. Owns its timer; borrows the
// fleet, the newest readings and the table.
//
// Because each look starts from both, a restart needs no step of its own: what was away before and still is goes on, what is
// back is ended. Nobody is missed for the time in which the server itself was away.

import type { Logger } from '@sitecast/shared/node/logger';
import { formatAddress } from '@sitecast/shared/protocol/ids';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Fleet } from '../fleet/fleet.ts';
import { awaySince } from '../fleet/absence.ts';
import type { Agent } from '../fleet/fleet-records.ts';
import {
  OPEN_OUTAGES_MAX,
  type NewOutage,
  type OpenOutage,
  type OutageStore,
  type Watched,
} from './outage-store.ts';
import type { SensorSilence } from './sensor-silence.ts';

const SWEEP_MS = 15_000;
/** An agent that is back within this was not away: it only changed its line. */
const GONE_MS = 15_000;
/** After a start: agents try again once a minute at least. */
const GONE_AFTER_START_MS = 90_000;

export interface OutageWatchOptions {
  fleet: Pick<Fleet, 'agents' | 'agent' | 'cameras' | 'sensor'>;
  store: Pick<OutageStore, 'open' | 'begin' | 'end' | 'followCamera' | 'endOfRevokedSensors'>;
  silence: Pick<SensorSilence, 'begun' | 'settle'>;
  logger: Logger;
  clock?: Clock;
}

export class OutageWatch {
  readonly #options: OutageWatchOptions & { clock: Clock };
  readonly #startedMs: number;
  /** Reports that the table knows; each new inventory makes new ones. */
  readonly #followed = new WeakSet<CameraReport>();
  readonly counters = { sweepsFailed: 0, openLeftForLater: 0 };
  #timer: Timer | undefined;
  #sweeping: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: OutageWatchOptions) {
    this.#options = { clock: systemClock, ...options };
    this.#startedMs = this.#options.clock.nowMs();
  }

  start(): void {
    this.#timer = this.#options.clock.after(SWEEP_MS, () => {
      this.#sweeping = this.#sweep().finally(() => {
        if (!this.#isClosed) this.start();
      });
    });
  }

  /** Idempotent. To be called before devices are let go: they are not away because this server stops. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { store, silence, logger } = this.#options;
    try {
      const open = new Map((await store.open()).map((outage) => [keyOf(outage), outage]));
      if (open.size >= OPEN_OUTAGES_MAX) this.counters.openLeftForLater += 1;
      await this.#endWhatIsBack(open);
      await this.#followCameras(open);
      await store.endOfRevokedSensors();
      await silence.settle([...open.values()].filter(({ kind }) => kind === 'sensor'));
      const begun = [
        ...this.#agentsGone(open),
        ...(await silence.begun((sensor) => open.has(keyOf(sensor)))),
      ];
      if (begun.length > 0) await store.begin(begun);
    } catch (error) {
      // The next sweep finds the same again.
      this.counters.sweepsFailed += 1;
      logger.warn({ reason: messageOf(error) }, 'outages could not be compared with the table');
    }
  }

  *#agentsGone(open: ReadonlyMap<string, OpenOutage>): Iterable<NewOutage> {
    const nowMs = this.#options.clock.nowMs();
    for (const agent of this.#options.fleet.agents()) {
      const outage = { kind: 'agent', site: agent.site, id: agent.id } as const;
      const away = awaySince(agent, nowMs);
      if (away === undefined || open.has(keyOf(outage))) continue;
      const sinceMs = Math.max(away.getTime(), this.#startedMs);
      const graceMs = sinceMs > this.#startedMs ? GONE_MS : GONE_AFTER_START_MS;
      if (nowMs - sinceMs < graceMs) continue;
      yield { ...outage, began: new Date(sinceMs), reason: 'disconnected' };
    }
  }

  /** Agents that are connected; agents and cameras that are in no list any more. */
  async #endWhatIsBack(open: Map<string, OpenOutage>): Promise<void> {
    const { fleet, store } = this.#options;
    const cameras = new Set(fleet.cameras().map((camera) => formatAddress(camera)));
    for (const [key, outage] of open) {
      const ended = outage.kind === 'agent' ? this.#backSince(fleet.agent(outage)) : undefined;
      const isRemoved = outage.kind === 'camera' && !cameras.has(formatAddress(outage));
      if (ended === undefined && !isRemoved) continue;
      await store.end(outage, ended ?? this.#now());
      open.delete(key);
    }
  }

  #backSince(agent: Agent | undefined): Date | undefined {
    if (agent === undefined) return this.#now();
    return awaySince(agent, this.#now().getTime()) === undefined ? agent.since : undefined;
  }

  /** While its agent is away nobody knows of a camera; what was said before is not said anew. */
  async #followCameras(open: ReadonlyMap<string, OpenOutage>): Promise<void> {
    const { fleet, store } = this.#options;
    for (const { site, id, agent, report } of fleet.cameras()) {
      if (!fleet.agent({ site, id: agent })?.isConnected || this.#followed.has(report)) continue;
      const isOpen = open.has(keyOf({ kind: 'camera', site, id }));
      if (isOpen ? isUp(report) : isDown(report))
        await store.followCamera({ site, id }, new Date(report.since));
      this.#followed.add(report);
    }
  }

  #now(): Date {
    return new Date(this.#options.clock.nowMs());
  }
}

const isUp = ({ state }: CameraReport): boolean => state === 'live' || state === 'stopped';
/** Connecting is neither: a short interruption is no outage. */
const isDown = ({ state }: CameraReport): boolean => state === 'waiting' || state === 'failed';

const keyOf = ({ kind, site, id }: Watched): string => `${kind} ${site}/${id}`;
