// Sends what is leased, and only that, over the media connection.

import { liveAck, streamName, type LeaseResult } from '@sitecast/shared/protocol/commands';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import type { Logger } from '@sitecast/shared/node/logger';
import type { AgentErrorCode } from '../errors.ts';
import { FlowWindow } from './flow-window.ts';
import { FragmentStream } from './fragment-stream.ts';
import { FrameSender } from './frame-sender.ts';
import { LeaseBook, type LeaseKey } from './lease-book.ts';
import type { LiveSource, LiveStream } from './live-source.ts';
import { StillsStream } from './stills-stream.ts';

/** The media connection, as far as it is needed here. */
export interface MediaPort {
  readonly isOnline: boolean;
  send(topic: string, payload: Uint8Array): boolean;
  onOffline(listener: () => void): () => void;
  onMessage(listener: (message: { topic: string; payload: Uint8Array }) => void): () => void;
}

export interface LivePublisherOptions {
  address: AgentAddress;
  sources: Iterable<LiveSource>;
  media: MediaPort;
  /** Of stills; another one at each start of the agent. */
  stillsEpoch: number;
  logger: Logger;
  clock?: Clock;
}

interface ActiveStream {
  stream: LiveStream;
  /** What the first lease was told; a renewal while the camera is away gets the same. */
  result: LeaseResult;
}

/** Borrows cameras and the media connection; owns the leases and the streams. Bound: two streams a camera. */
export class LivePublisher {
  readonly #options: LivePublisherOptions;
  readonly #clock: Clock;
  readonly #sources: Map<string, LiveSource>;
  readonly #leases: LeaseBook;
  readonly #active = new Map<string, ActiveStream>();
  readonly #senders = new Map<string, FrameSender>();
  readonly #unsubscribe: (() => void)[] = [];

  constructor(options: LivePublisherOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#sources = new Map([...options.sources].map((source) => [source.id, source]));
    this.#leases = new LeaseBook({ clock: this.#clock, onEnd: (key) => this.#stop(key) });
  }

  get framesDropped(): number {
    let dropped = 0;
    for (const sender of this.#senders.values()) dropped += sender.framesDropped;
    return dropped;
  }

  start(): void {
    const { media, address } = this.#options;
    const ackTopic = topics.liveAck(address);
    this.#unsubscribe.push(
      // Who answers next may be another server, which knows no stream and throws away what nobody asked it for. It asks
      // again for what it wants, and then gets it from the init segment on.
      media.onOffline(() => this.#leases.releaseAll()),
      media.onMessage(({ topic, payload }) => {
        if (topic === ackTopic) this.#acked(payload);
      }),
    );
  }

  /**
   * Starts the stream, or prolongs its lease.
   * @throws {AppError} NOT_FOUND, PROFILE_UNSUPPORTED; for a stream that does not run yet CAMERA_OFFLINE, AGENT_OFFLINE.
   */
  lease(key: LeaseKey, ttlMs: number): LeaseResult {
    const source = this.#sources.get(key.camera);
    if (!source) throw new AppError('NOT_FOUND', `there is no camera "${key.camera}"`);
    const name = streamName(key.camera, key.profile);
    const running = this.#active.get(name);
    const result = describe(source, key.profile, this.#options.stillsEpoch) ?? running?.result;
    if (!result) throw offline(source);
    if (!running && !this.#options.media.isOnline) {
      throw new AppError('AGENT_OFFLINE', 'the media connection of the site is down', { retryable: true });
    }
    this.#leases.grant(key, ttlMs);
    if (running) running.result = result;
    else this.#start(key, source, result);
    return result;
  }

  release(key: LeaseKey): void {
    this.#leases.release(key);
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    this.#leases.releaseAll();
  }

  #start(key: LeaseKey, source: LiveSource, result: LeaseResult): void {
    const sender = this.#senderOf(key);
    const stream =
      key.profile === 'stills'
        ? new StillsStream({ source, sender, epoch: this.#options.stillsEpoch, clock: this.#clock })
        : new FragmentStream({ source, sender, clock: this.#clock });
    this.#active.set(result.stream, { stream, result });
    this.#options.logger.info({ stream: result.stream }, 'live stream starts');
    stream.start();
  }

  #stop({ camera, profile }: LeaseKey): void {
    const name = streamName(camera, profile);
    this.#active.get(name)?.stream.close();
    this.#active.delete(name);
    this.#options.logger.info({ stream: name }, 'live stream ends');
  }

  #senderOf({ camera, profile }: LeaseKey): FrameSender {
    const name = streamName(camera, profile);
    const known = this.#senders.get(name);
    if (known) return known;
    const { media, address } = this.#options;
    const topic = topics.live(address, camera, profile);
    const sender = new FrameSender({
      window: new FlowWindow(this.#clock),
      send: (bytes) => media.send(topic, bytes),
    });
    this.#senders.set(name, sender);
    return sender;
  }

  #acked(payload: Uint8Array): void {
    try {
      const { stream, sequence } = decodeMessage(liveAck, payload);
      this.#active.get(stream)?.stream.acked(sequence);
    } catch (error) {
      this.#options.logger.warn({ reason: messageOf(error) }, 'a live-ack could not be read');
    }
  }
}

/** @returns undefined while there is nothing to show. */
function describe(source: LiveSource, profile: Profile, stillsEpoch: number): LeaseResult | undefined {
  const stream = streamName(source.id, profile);
  const isLive = source.report().state === 'live';
  if (profile === 'main') {
    const init = source.ring.fromLastKeyframe()[0]?.init;
    if (!isLive || !init) return undefined;
    const { epoch, mime, width, height } = init;
    return { stream, epoch, container: 'fmp4', mime, width, height };
  }
  if (profile === 'stills') {
    const picture = source.latestPicture();
    if (!isLive || !picture) return undefined;
    const { width, height } = picture;
    return { stream, epoch: stillsEpoch, container: 'jpeg', mime: 'image/jpeg', width, height };
  }
  throw new AppError('PROFILE_UNSUPPORTED', `"${source.id}" is not offered as ${profile}`);
}

function offline(source: LiveSource): AppError<AgentErrorCode> {
  const { state, detail } = source.report();
  const message = `"${source.id}" gives no picture: ${detail ?? state}`;
  return new AppError('CAMERA_OFFLINE', message, { retryable: true });
}
