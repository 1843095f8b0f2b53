// Events that begin and end: those that go on are on disk too, since a run of the agent that was cut off must not leave them open
// for ever. An end that the spool refuses waits here until it takes it. Owns its file and its timer.

import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { cameraEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import { ID_PATTERN } from '@sitecast/shared/protocol/ids';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';
import { replaceStateFile } from '../state-file.ts';
import type { PutOptions } from '../uplink/spool.ts';
import { endMsOf } from './event-end.ts';

/** That go on, or whose end waits. Policy: drop-oldest, which is put a last time. Bounds in edge-agent/README.md. */
export const MAX_NOTED_EVENTS = 1_024;
/** Ends that wait are put again. */
export const PUT_AGAIN_MS = 10_000;
/** A run that was cut off ended what went on at most so long after this was noted. */
const SIGN_OF_LIFE_MS = 60_000;

const openEvent = z.object({
  camera: z.string().regex(ID_PATTERN),
  event: cameraEvent,
  /** It went on then. Of an event without an end. */
  seenAt: z.iso.datetime().optional(),
});
const file = z.object({ writtenAt: z.iso.datetime(), open: z.array(z.unknown()) });

interface Noted {
  camera: string;
  /** With its end when that waits for the spool. */
  event: CameraEvent;
  toldAtMonotonicMs: number;
}

export interface OpenEventsOptions {
  /** Of the file. */
  path: string;
  /** Resolves when the event is durable. */
  put: (camera: string, event: CameraEvent, options: PutOptions) => Promise<void>;
  log: QuietLog;
  clock?: Clock;
}

export class OpenEvents {
  readonly #options: OpenEventsOptions;
  readonly #clock: Clock;
  /** By the id of the event: two rules may make events of one kind at one camera. */
  readonly #noted = new Map<string, Noted>();
  #written: Promise<void> = Promise.resolve();
  #nextWrite: Promise<void> | undefined;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: OpenEventsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Tells what an earlier run left open, ended when that run last gave a sign of life; what the spool refuses, later. Before
   * anything else is told.
   * @param corrected what is known better of such an end.
   */
  async endLeft(corrected = (ended: CameraEvent): CameraEvent => ended): Promise<void> {
    for (const { camera, event, seenAt = event.at } of await this.#readLeft()) {
      const until = Date.parse(seenAt) < Date.parse(event.at) ? event.at : seenAt;
      this.#keep(camera, event.until === null ? corrected({ ...event, until }) : event);
    }
    if (await this.#putEnds()) await this.#note();
  }

  /** What cannot be read is told nobody but the log: nothing is known of it. */
  async #readLeft(): Promise<z.output<typeof openEvent>[]> {
    const { path, log } = this.#options;
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      return error.code === 'ENOENT' ? undefined : '';
    });
    if (text === undefined) return [];
    const { data } = file.safeParse(parse(text));
    const entries = (data?.open ?? []).map((entry) => openEvent.safeParse(entry).data);
    const left = entries.filter((entry) => entry !== undefined);
    const lost = data ? entries.length - left.length : 'all';
    if (lost !== 0) log.warn('OPEN_EVENTS', { path, lost }, 'events that were left open cannot be read');
    return left.map((entry) => ({ seenAt: data?.writtenAt, ...entry }));
  }

  /** The beginning, the end, or both of an event. Rejects as `put` does, but for the end of one that began here: that waits. */
  async tell(camera: string, event: CameraEvent): Promise<void> {
    const noted = this.#noted.get(event.id);
    if (event.until === null) {
      this.#keep(camera, event);
      await this.#note();
    } else if (noted) {
      noted.event = event;
      await this.#putEnd(noted);
      return this.#note();
    }
    await this.#options.put(camera, event, {});
  }

  /** Puts the ends that wait once more; what is refused even now waits for the next start. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
    if (await this.#putEnds()) await this.#note();
    await this.#written;
  }

  #keep(camera: string, event: CameraEvent): void {
    this.#noted.set(event.id, { camera, event, toldAtMonotonicMs: this.#clock.monotonicMs() });
    this.#wait();
    const [oldest] = this.#noted.values();
    if (this.#noted.size <= MAX_NOTED_EVENTS || !oldest) return;
    this.#noted.delete(oldest.event.id);
    // Where that is refused, the spool counts it as lost.
    if (oldest.event.until !== null)
      void this.#options.put(oldest.camera, oldest.event, {}).catch(() => undefined);
  }

  #wait(): void {
    if (this.#isClosed || this.#timer || this.#noted.size === 0) return;
    this.#timer = this.#clock.after(PUT_AGAIN_MS, () => {
      this.#looking = this.#look().finally(() => {
        this.#timer = undefined;
        this.#wait();
      });
    });
  }

  async #look(): Promise<void> {
    const hasPut = await this.#putEnds();
    const isDue = this.#clock.monotonicMs() - this.#writtenAtMs >= SIGN_OF_LIFE_MS;
    const goesOn = [...this.#noted.values()].some(({ event }) => event.until === null);
    if (hasPut || (isDue && goesOn)) await this.#note();
  }

  /** @returns whether some of those that waited are durable now. */
  async #putEnds(): Promise<boolean> {
    const ended = [...this.#noted.values()].filter(({ event }) => event.until !== null);
    // At once, so that they share one fsync.
    const havePut = await Promise.all(ended.map((noted) => this.#putEnd(noted)));
    return havePut.includes(true);
  }

  /** @returns whether it is durable now. */
  async #putEnd({ camera, event }: Noted): Promise<boolean> {
    const { put, log } = this.#options;
    try {
      await put(camera, event, { isRetried: true });
      this.#noted.delete(event.id);
      return true;
    } catch (error) {
      log.warn('EVENT_END', { camera, reason: messageOf(error) }, 'the end of an event is told later');
      return false;
    }
  }

  /** An event that cannot be noted is told all the same. Those that wait for a write to end share the next one. */
  #note(): Promise<void> {
    this.#nextWrite ??= this.#written
      .then(() => {
        this.#nextWrite = undefined;
        return this.#write();
      })
      .catch((error: unknown) => {
        const reason = messageOf(error);
        this.#options.log.warn('OPEN_EVENTS', { reason }, 'an event is not noted for the next start');
      });
    this.#written = this.#nextWrite;
    return this.#written;
  }

  async #write(): Promise<void> {
    const now = { wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
    const open = [...this.#noted.values()].map(({ camera, event, toldAtMonotonicMs: monotonicMs }) => {
      if (event.until !== null) return { camera, event };
      const seenAtMs = endMsOf({ wallMs: Date.parse(event.at), monotonicMs }, now);
      return { camera, event, seenAt: new Date(seenAtMs).toISOString() };
    });
    await replaceStateFile(this.#options.path, { writtenAt: new Date(now.wallMs).toISOString(), open });
    this.#writtenAtMs = now.monotonicMs;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
