// Takes messages from the spool to the broker, the important and the new first, and tells the spool what was acknowledged.

import { MAX_UPLINK_IN_FLIGHT } from '@sitecast/shared/protocol/limits';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import { QuietLog } from '../health/quiet-log.ts';
import type { MqttConnection } from './connection.ts';
import { stepSince } from './clock-reading.ts';
import type { Lane } from './lanes.ts';
import { MAX_IN_FLIGHT_BYTES, ReplayPace } from './replay-pace.ts';
import type { Spool } from './spool.ts';
import type { SpoolPart } from './spool-cursors.ts';
import { isDropped, type SpoolMessage } from './spool-log.ts';

/** Two places of the window are left to status, health and replies: a backlog must not delay an answer. */
export const MAX_SPOOL_IN_FLIGHT = MAX_UPLINK_IN_FLIGHT - 2;
/** One more is left to alarms. */
export const MAX_BELOW_ALARMS_IN_FLIGHT = MAX_SPOOL_IN_FLIGHT - 1;
/** A server with a backlog of pictures withholds their PUBACKs; readings must find a place all the same. */
export const MAX_SNAPSHOTS_IN_FLIGHT = 4;
/** Whatever else there is goes first, and waits for no more than these. */
export const MAX_CLIP_CHUNKS_IN_FLIGHT = 2;
const RETRY_AFTER_MS = 1_000;
const DRAIN_MS = 1_000;

interface Place {
  lane: Lane;
  part: SpoolPart;
}
const fresh = (lane: Lane): Place => ({ lane, part: 'fresh' });
const backlog = (lane: Lane): Place => ({ lane, part: 'backlog' });

const URGENT = [fresh('alarms'), backlog('alarms'), fresh('events')];
const FRESH = [fresh('telemetry'), fresh('snapshots')];
/** As fast as `ReplayPace` lets it. */
const REPLAY = [backlog('events'), backlog('telemetry'), backlog('snapshots')];
/** At the end of every order, new ones too: they are large, and nobody waits for them. */
const CLIPS = [backlog('clips'), fresh('clips')];
const FRESH_FIRST = [...URGENT, ...FRESH, ...REPLAY, ...CLIPS];
/** When nothing of the backlog is on its way: fresh pictures that fill the uplink would leave it none of its share. */
const REPLAY_FIRST = [...URGENT, ...REPLAY, ...FRESH, ...CLIPS];

export interface SpoolSenderOptions {
  spool: Spool;
  connection: MqttConnection;
  /** Of the uplink, for the backlog: above 0, at most 100. */
  replayPercent: number;
  /** Asked before each message; `wake` when the answer may have changed. All lanes when absent. */
  mayPass?: (lane: Lane) => boolean;
  /** Asked of each message when it is its turn; what may not is withheld. All when absent. */
  mayLeave?: (message: SpoolMessage) => boolean;
  logger: Logger;
  clock?: Clock;
}

interface InFlight extends Place {
  message: SpoolMessage;
}

/** Borrows spool and connection; owns the window over them. */
export class SpoolSender {
  readonly #options: SpoolSenderOptions;
  readonly #clock: Clock;
  readonly #pace: ReplayPace;
  readonly #log: QuietLog;
  readonly #inFlight = new Set<InFlight>();
  /** On their way when the connection broke: nobody knows whether they arrived. Bound: MAX_SPOOL_IN_FLIGHT, drop-oldest. */
  #unsure: InFlight[] = [];
  /** Those of them that were dropped meanwhile, sent again from memory. */
  readonly #settling = new Set<InFlight>();
  readonly #settled: Listeners<void>;
  readonly #unsubscribe: (() => void)[] = [];
  #messagesAcrossStep = 0;
  #retryTimer: Timer | undefined;
  #restTimer: Timer | undefined;
  #isPumping = false;
  #isPumpDue = false;
  #isClosed = false;
  #onDrained: (() => void) | undefined;

  constructor(options: SpoolSenderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pace = new ReplayPace({ share: options.replayPercent / 100, clock: this.#clock });
    this.#log = new QuietLog(options.logger, this.#clock);
    this.#settled = new Listeners((error) =>
      options.logger.error({ reason: messageOf(error) }, 'a listener of the spool sender failed'),
    );
  }

  /** What the acks of the backlog showed; null until there were any. */
  get replayBytesPerSecond(): number | null {
    return this.#pace.bytesPerSecond === undefined ? null : Math.round(this.#pace.bytesPerSecond);
  }

  /** Sent after the wall clock was set, and spooled before. */
  get messagesAcrossStep(): number {
    return this.#messagesAcrossStep;
  }

  start(): void {
    const { spool, connection } = this.#options;
    const resume = (): void => {
      spool.rewind();
      this.#settle();
      this.#pump();
    };
    this.#unsubscribe.push(
      connection.onOnline(resume),
      spool.onPut(() => this.#pump()),
    );
    if (connection.isOnline) resume();
  }

  /** Online, and nothing that counts as lost may have arrived after all. Once for each time that it is so. */
  onSettled(listener: () => void): () => void {
    return this.#settled.add(listener);
  }

  /** A lane that was held may pass. */
  wake(): void {
    this.#pump();
  }

  /** Takes nothing new, and gives what is under way a second to be acknowledged; the rest stays in the spool. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    this.#restTimer?.cancel();
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    if (this.#inFlight.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(DRAIN_MS, resolve);
      this.#onDrained = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #pump(): void {
    this.#isPumpDue = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#sendWhileAllowed().catch((error: unknown) => this.#retryLater(error));
  }

  async #sendWhileAllowed(): Promise<void> {
    try {
      while (this.#isPumpDue) {
        this.#isPumpDue = false;
        for (let next = await this.#takeNext(); next; next = await this.#takeNext()) this.#send(next);
      }
    } finally {
      // In the same turn as the last look at `#isPumpDue`, or a wake-up in between would be lost.
      this.#isPumping = false;
      this.#pumpAfterRest();
    }
  }

  #pumpAfterRest(): void {
    const { restMs } = this.#pace;
    if (this.#isClosed || restMs === 0) return;
    this.#restTimer?.cancel();
    this.#restTimer = this.#clock.after(Math.ceil(restMs), () => this.#pump());
  }

  async #takeNext(): Promise<InFlight | undefined> {
    for (const place of this.#pace.inFlight === 0 ? REPLAY_FIRST : FRESH_FIRST) {
      if (!this.#mayTake(place)) continue;
      const message = await this.#nextThatMayLeave(place);
      if (message) return { ...place, message };
    }
    return undefined;
  }

  async #nextThatMayLeave({ lane, part }: Place): Promise<SpoolMessage | undefined> {
    const { spool } = this.#options;
    for (;;) {
      const message = await spool.next(lane, part);
      if (!message || this.#mayLeave(message)) return message;
      spool.withhold(lane, message);
      this.#log.warn('MASKS', { topic: message.topic }, 'a picture is withheld: its masks are others by now');
    }
  }

  #mayLeave(message: SpoolMessage): boolean {
    return this.#options.mayLeave?.(message) ?? true;
  }

  #mayTake({ lane, part }: Place): boolean {
    const { size } = this.#inFlight;
    if (this.#isClosed || !this.#options.connection.isOnline || size >= MAX_SPOOL_IN_FLIGHT) return false;
    if (lane === 'alarms') return true;
    if (this.#options.mayPass?.(lane) === false) return false;
    if (size >= MAX_BELOW_ALARMS_IN_FLIGHT || this.#inFlightBytes() >= MAX_IN_FLIGHT_BYTES) return false;
    if (lane === 'snapshots' && this.#countInFlight(lane) >= MAX_SNAPSHOTS_IN_FLIGHT) return false;
    if (lane === 'clips' && this.#countInFlight(lane) >= MAX_CLIP_CHUNKS_IN_FLIGHT) return false;
    return !isPaced({ lane, part }) || this.#pace.mayStart();
  }

  /** What is still in the spool is read again from there. */
  #settle(): void {
    const dropped = this.#unsure
      .splice(0)
      .filter(({ message }) => isDropped(message) && this.#mayLeave(message));
    for (const sent of dropped) this.#settling.add(sent);
    for (const sent of dropped) this.#send(sent);
    if (dropped.length === 0) this.#settled.emit();
  }

  #send(sent: InFlight): void {
    const { spool, connection } = this.#options;
    const { topic, payload, recordBytes } = sent.message;
    if (stepSince(sent.message.spooledAt, this.#clock) !== 0) this.#messagesAcrossStep += 1;
    this.#inFlight.add(sent);
    if (isPaced(sent)) this.#pace.started(recordBytes);
    connection.publish(topic, payload).then(
      () => {
        spool.ack(sent.lane, sent.message);
        this.#finished(sent, true);
      },
      (error: unknown) => {
        this.#finished(sent, false);
        // Offline: everything un-acked is sent again when the connection is back.
        if (connection.isOnline) this.#retryLater(error);
        else this.#unsure = [...this.#unsure, sent].slice(-MAX_SPOOL_IN_FLIGHT);
      },
    );
  }

  #finished(sent: InFlight, isAcked: boolean): void {
    this.#inFlight.delete(sent);
    if (isPaced(sent)) this.#pace.finished(sent.message.recordBytes, isAcked);
    if (this.#inFlight.size === 0) this.#onDrained?.();
    const wasLast = this.#settling.delete(sent) && this.#settling.size === 0;
    if (wasLast && this.#options.connection.isOnline) this.#settled.emit();
    this.#pump();
  }

  #retryLater(error: unknown): void {
    if (this.#isClosed) return;
    this.#options.logger.warn({ reason: messageOf(error) }, 'sending from the spool pauses');
    this.#retryTimer?.cancel();
    this.#retryTimer = this.#clock.after(RETRY_AFTER_MS, () => {
      // Messages that are still under way may go out twice; receivers know them by their ids.
      this.#options.spool.readAgain();
      this.#pump();
    });
  }

  #inFlightBytes(): number {
    let bytes = 0;
    for (const { message } of this.#inFlight) bytes += message.recordBytes;
    return bytes;
  }

  #countInFlight(of: Lane): number {
    let count = 0;
    for (const { lane } of this.#inFlight) if (lane === of) count += 1;
    return count;
  }
}

function isPaced({ lane, part }: Place): boolean {
  return lane === 'clips' || (part === 'backlog' && lane !== 'alarms');
}
