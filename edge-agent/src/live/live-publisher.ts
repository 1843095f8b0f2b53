// Sends what is leased, and only that, over the media connection.

import { liveAck, streamName, type LeaseResult } from '@sitecast/shared/protocol/commands';
import { PROFILES } from '@sitecast/shared/protocol/frame-header';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import { FULL_OFFER } from '../uplink/offer.ts';
import type { LiveTraffic } from '../uplink/adaptive-uplink.ts';
import { FlowWindow, type OnAcked } from './flow-window.ts';
import { FragmentStream } from './fragment-stream.ts';
import { FrameSender } from './frame-sender.ts';
import { LeaseBook, type LeaseKey } from './lease-book.ts';
import {
  cameraOffline,
  uplinkLimited,
  type LiveSource,
  type LiveStream,
  type LiveVideo,
} from './live-source.ts';
import { StillsStream } from './stills-stream.ts';

/** How long the lease of a stream that is offered no longer is kept, without a byte: its viewers are taken elsewhere meanwhile. */
export const WITHDRAWN_MAX_MS = 10_000;

/** The media connection, as far as it is needed here. */
export interface MediaPort {
  readonly isOnline: boolean;
  send(topic: string, payload: Uint8Array): boolean;
  onOffline(listener: () => void): () => void;
  onMessage(listener: (message: { topic: string; payload: Uint8Array }) => void): () => void;
}

export interface LivePublisherOptions {
  address: AgentAddress;
  /** By id of the camera; asked each time. */
  sources: { get(camera: string): LiveSource | undefined };
  media: MediaPort;
  /** Of stills; another one at each start of the agent. */
  stillsEpoch: number;
  /** Between two stills at least. */
  stillsIntervalMs?: () => number;
  /** What the server acknowledged of any stream. */
  onAcked?: OnAcked;
  logger: Logger;
  clock?: Clock;
}

interface ActiveStream {
  key: LeaseKey;
  sender: FrameSender;
  stream: LiveStream;
  video: LiveVideo | undefined;
  /** What the last lease was told; a renewal while the camera is away gets the same. */
  result: LeaseResult | undefined;
  /** Since it is not offered any more. */
  withdrawnAtMs: number | undefined;
}

/** Borrows cameras and the media connection; owns the leases and the streams. Bound: a stream for each camera and profile. */
export class LivePublisher {
  readonly #options: LivePublisherOptions;
  readonly #clock: Clock;
  readonly #leases: LeaseBook;
  readonly #active = new Map<string, ActiveStream>();
  readonly #senders = new Map<string, FrameSender>();
  /** By senders of cameras that are gone. */
  readonly #before = { framesDropped: 0, timesLate: 0 };
  readonly #unsubscribe: (() => void)[] = [];

  constructor(options: LivePublisherOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#leases = new LeaseBook({ clock: this.#clock, onEnd: (key) => this.#stop(key) });
  }

  get framesDropped(): number {
    let dropped = this.#before.framesDropped;
    for (const sender of this.#senders.values()) dropped += sender.framesDropped;
    return dropped;
  }

  traffic(): LiveTraffic {
    const { timesLate } = this.#before;
    const traffic: LiveTraffic = { highest: undefined, streams: 0, lagMs: 0, timesLate };
    for (const sender of this.#senders.values()) traffic.timesLate += sender.timesLate;
    for (const { key, sender, withdrawnAtMs } of this.#active.values()) {
      // Stills leave out by themselves what the uplink has no room for.
      if (key.profile === 'stills' || withdrawnAtMs !== undefined) continue;
      traffic.streams += 1;
      if (key.profile === 'main') traffic.highest = 'main';
      traffic.highest ??= 'low';
      traffic.lagMs = Math.max(traffic.lagMs, sender.window.oldestAgeMs);
    }
    return traffic;
  }

  /** Ends what cameras do not offer any more, at once: it takes what something smaller needs. */
  offersChanged(): void {
    for (const [name, active] of this.#active) {
      const report = this.#options.sources.get(active.key.camera)?.report();
      if (active.withdrawnAtMs !== undefined || report?.profiles.includes(active.key.profile)) continue;
      active.withdrawnAtMs = this.#clock.monotonicMs();
      active.stream.close();
      active.video?.close();
      this.#options.logger.info({ stream: name, limitedBy: report?.limitedBy }, 'live stream withdrawn');
    }
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
   * @returns when there is a picture: what is encoded takes a moment.
   * @throws {AppError} NOT_FOUND, PROFILE_UNSUPPORTED, UPLINK_LIMITED; for a stream that does not run yet CAMERA_OFFLINE, AGENT_OFFLINE,
   * ENCODER_LIMIT; ENCODER_FAILED, LEASE_ENDED.
   */
  async lease(key: LeaseKey, ttlMs: number): Promise<LeaseResult> {
    const source = this.#options.sources.get(key.camera);
    if (!source) throw new AppError('NOT_FOUND', `there is no camera "${key.camera}"`);
    const running = this.#active.get(streamName(key.camera, key.profile));
    if (running?.withdrawnAtMs !== undefined) return this.#renewWithdrawn(key, running, ttlMs);
    const active = running ?? this.#start(key, source);
    this.#leases.grant(key, ttlMs);
    try {
      return (active.result = await this.#describe(key, source, active));
    } catch (error) {
      // A stream that has shown something is worth waiting for; its lease ends by itself when the server gives it up.
      if (!active.result && this.#active.get(streamName(key.camera, key.profile)) === active)
        this.release(key);
      throw error;
    }
  }

  release(key: LeaseKey): void {
    this.#leases.release(key);
  }

  /** A camera is no longer there, or another one in its place: its streams end, and nothing is remembered of it. */
  forget(camera: string): void {
    for (const profile of PROFILES) {
      const name = streamName(camera, profile);
      this.#leases.release({ camera, profile });
      const { framesDropped = 0, timesLate = 0 } = this.#senders.get(name) ?? {};
      this.#before.framesDropped += framesDropped;
      this.#before.timesLate += timesLate;
      this.#senders.delete(name);
    }
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    this.#leases.releaseAll();
  }

  #renewWithdrawn(key: LeaseKey, { withdrawnAtMs = 0, result }: ActiveStream, ttlMs: number): LeaseResult {
    if (!result || this.#clock.monotonicMs() - withdrawnAtMs > WITHDRAWN_MAX_MS) {
      this.release(key);
      throw uplinkLimited(key.camera, key.profile);
    }
    this.#leases.grant(key, ttlMs);
    return result;
  }

  #start(key: LeaseKey, source: LiveSource): ActiveStream {
    this.#expectStartable(key, source);
    const video = key.profile === 'stills' ? undefined : source.open(key.profile);
    const sender = this.#senderOf(key);
    const stream = video
      ? new FragmentStream({ source: video, sender, clock: this.#clock })
      : this.#stillsStream(source, sender);
    const active: ActiveStream = {
      key,
      sender,
      stream,
      video,
      result: undefined,
      withdrawnAtMs: undefined,
    };
    const name = streamName(key.camera, key.profile);
    this.#active.set(name, active);
    this.#options.logger.info({ stream: name }, 'live stream starts');
    stream.start();
    return active;
  }

  #stillsStream(source: LiveSource, sender: FrameSender): StillsStream {
    const { stillsEpoch: epoch, stillsIntervalMs: minIntervalMs = () => FULL_OFFER.stillsIntervalMs } =
      this.#options;
    return new StillsStream({ source, sender, epoch, minIntervalMs, clock: this.#clock });
  }

  #expectStartable({ profile }: LeaseKey, source: LiveSource): void {
    const report = source.report();
    if (report.limitedBy && !report.profiles.includes(profile)) throw uplinkLimited(source.id, profile);
    if (!report.profiles.includes(profile))
      throw new AppError('PROFILE_UNSUPPORTED', `"${source.id}" is not offered as ${profile}`);
    if (report.state !== 'live') throw cameraOffline(report);
    if (!this.#options.media.isOnline) {
      throw new AppError('AGENT_OFFLINE', 'the media connection of the site is down', { retryable: true });
    }
  }

  async #describe({ profile }: LeaseKey, source: LiveSource, active: ActiveStream): Promise<LeaseResult> {
    const stream = streamName(source.id, profile);
    if (!active.video) return this.#stillsResult(stream, source, active.result);
    if (active.video.failure) throw active.video.failure;
    const init = active.video.init ?? (active.result ? undefined : await active.video.untilInit());
    if (!init) return active.result as LeaseResult;
    const { epoch, container, mime, width, height } = init;
    return { stream, epoch, container, mime, width, height };
  }

  #stillsResult(stream: string, source: LiveSource, before: LeaseResult | undefined): LeaseResult {
    const picture = source.latestPicture();
    if (!picture && before) return before;
    if (!picture) throw cameraOffline(source.report());
    const { width, height } = picture;
    return { stream, epoch: this.#options.stillsEpoch, container: 'jpeg', mime: 'image/jpeg', width, height };
  }

  #stop({ camera, profile }: LeaseKey): void {
    const name = streamName(camera, profile);
    const active = this.#active.get(name);
    if (active?.withdrawnAtMs === undefined) {
      active?.stream.close();
      active?.video?.close();
    }
    this.#active.delete(name);
    this.#options.logger.info({ stream: name }, 'live stream ends');
  }

  #senderOf({ camera, profile }: LeaseKey): FrameSender {
    const name = streamName(camera, profile);
    const known = this.#senders.get(name);
    if (known) return known;
    const { media, address, onAcked } = this.#options;
    const topic = topics.live(address, camera, profile);
    const sender = new FrameSender({
      window: new FlowWindow(this.#clock, onAcked),
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
