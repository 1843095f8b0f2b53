// What the agent tells the server for keeps, in the form of the wire, on its way into the spool.

import { encodeClipChunk, type ClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { MAX_TELEMETRY_PAYLOAD_BYTES } from '@sitecast/shared/protocol/limits';
import { encodeSnapshotEnvelope, type SnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import type { SealMessage } from '@sitecast/shared/protocol/evidence';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import type { AgentEvent, CameraEvent } from '@sitecast/shared/protocol/events';
import type { Reading } from '@sitecast/shared/protocol/telemetry';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Sealer } from '../evidence/sealer.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Lane } from './lanes.ts';
import { gapEventOf, type Gap } from './gap.ts';
import type { PutOptions, Spool } from './spool.ts';
import { ToldUnits } from './told-units.ts';

/** What somebody should look at now: the picture of a camera is gone, or was taken away. */
const ALARM_KINDS: ReadonlySet<string> = new Set(['offline', 'covered', 'moved']);

export interface OutboxOptions {
  address: AgentAddress;
  spool: Pick<Spool, 'put'>;
  log: QuietLog;
  clock?: Clock;
}

/** Each method resolves when the message is durable, and rejects as `Spool.put` does. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #units: ToldUnits;
  #sealer: Sealer | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#units = new ToldUnits(options.clock ?? systemClock);
  }

  /** From now on what is put is signed. */
  signWith(sealer: Sealer): void {
    this.#sealer = sealer;
  }

  /** It comes again when it is refused. */
  seal(seal: SealMessage): Promise<void> {
    const topic = topics.seal(this.#options.address);
    return this.#put('telemetry', topic, encodeJson(seal), { isRetried: true });
  }

  reading(sensor: string, reading: Reading): Promise<void> {
    return this.readings(sensor, [reading]);
  }

  /** Of one sensor, in as few messages as they fit into. */
  async readings(sensor: string, readings: Reading[], options: PutOptions = {}): Promise<void> {
    const topic = topics.agentTelemetry(this.#options.address, sensor);
    const told = this.#units.toTell(sensor, readings);
    const messages = encodeReadings(told);
    try {
      await Promise.all(messages.map((payload) => this.#put('telemetry', topic, payload, options)));
    } catch (error) {
      this.#units.forget(sensor, told);
      throw error;
    }
    this.#sealer?.noteReadings(sensor, told);
  }

  /** Of the agent itself. */
  agentEvent(event: AgentEvent): Promise<void> {
    return this.#put('events', topics.agentEvent(this.#options.address), encodeJson(event));
  }

  /** What a lane had to give up. */
  async gap(lane: Lane, gap: Gap): Promise<void> {
    const event = gapEventOf(lane, gap);
    await this.#put('alarms', topics.agentEvent(this.#options.address), encodeJson(event));
    if (event.gap) this.#sealer?.noteGap(event.gap);
  }

  event(camera: string, event: CameraEvent, options: PutOptions = {}): Promise<void> {
    const lane = ALARM_KINDS.has(event.kind) ? 'alarms' : 'events';
    return this.#put(lane, topics.event(this.#options.address, camera), encodeJson(event), options);
  }

  snapshot(envelope: SnapshotEnvelope): Promise<void> {
    const topic = topics.snapshot(this.#options.address, envelope.header.camera);
    const put = (header: SnapshotEnvelope['header']): Promise<void> =>
      this.#put('snapshots', topic, encodeSnapshotEnvelope({ ...envelope, header }));
    return this.#sealer ? this.#sealer.snapshot(envelope.header, put) : put(envelope.header);
  }

  /** Whoever uploads it gives it again when it is refused. */
  clipChunk(chunk: ClipChunk): Promise<void> {
    const topic = topics.clip(this.#options.address, chunk.header.camera);
    return this.#put('clips', topic, encodeClipChunk(chunk), { isRetried: true });
  }

  async #put(lane: Lane, topic: string, payload: Uint8Array, options: PutOptions = {}): Promise<void> {
    try {
      await this.#options.spool.put(lane, topic, payload, options);
    } catch (error) {
      const code = isAppError(error) ? error.code : 'INTERNAL';
      this.#options.log.warn(code, { topic, reason: messageOf(error) }, 'a message was not spooled');
      throw error;
    }
  }
}

function encodeReadings(readings: Reading[]): Uint8Array[] {
  const items = readings.map(({ tsMs, ...rest }) => ({ ts: tsMs, ...rest }));
  const payload = encodeJson(items.length === 1 ? items[0] : items);
  if (payload.length <= MAX_TELEMETRY_PAYLOAD_BYTES || readings.length <= 1) return [payload];
  const half = Math.ceil(readings.length / 2);
  return [...encodeReadings(readings.slice(0, half)), ...encodeReadings(readings.slice(half))];
}
