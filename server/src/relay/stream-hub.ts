// All live streams and their viewers: who may watch, which streams run, and which frame belongs where.
// Owns the streams; borrows the way to the agents. Knows neither fastify nor MQTT.

import { decodeFrame, type Profile } from '@sitecast/shared/protocol/frame-header';
import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import type { UplinkLimit } from '@sitecast/shared/protocol/status';
import { CloseCode, type LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { RELAY_LIMITS, type RelayLimits } from './limits.ts';
import { LiveStream, type ReadyMessage } from './live-stream.ts';
import type { AgentPort, JoinRequest, RelayCounters, RelaySnapshot, ViewerHandle } from './ports.ts';
import { Viewer } from './viewer.ts';
import { ViewerLine } from './viewer-line.ts';

export interface StreamHubOptions {
  agents: AgentPort;
  limits?: RelayLimits;
  clock?: Clock;
  logger: Logger;
  /** What the camera offers now; decides where a slow viewer can step down to. */
  profilesOf?: (camera: Address) => readonly Profile[];
  /** Why those are fewer than the camera could give; undefined when they are not. */
  limitOf?: (camera: Address) => UplinkLimit | undefined;
}

/** From the most to the least demanding; a slow viewer goes to the next that its camera offers. */
const LADDER: readonly Profile[] = ['main', 'low', 'stills'];
/** Without word from the camera: every agent has these. */
const USUAL_PROFILES: readonly Profile[] = ['main', 'stills'];

type StepReason = 'viewer-slow' | 'server-busy' | UplinkLimit;

type Watched = Pick<LiveStream, 'camera' | 'profile'>;

interface Watching {
  stream: LiveStream;
  userId: string;
  address: string;
  /** Holds a place there, too, while its agent is being asked. */
  steppingTo?: LiveStream;
}

export class StreamHub {
  readonly #options: Required<StreamHubOptions>;
  readonly #streams = new Map<string, LiveStream>();
  readonly #viewers = new Map<Viewer, Watching>();
  readonly #line: ViewerLine;
  #isSteppedDown = false;
  #isClosing = false;

  readonly counters: RelayCounters = {
    framesAccepted: 0,
    bytesAccepted: 0,
    framesUnwanted: 0,
    framesUndecodable: 0,
    gopsOverflowed: 0,
    framesSent: 0,
    bytesSent: 0,
    framesDropped: 0,
    viewersSteppedDown: 0,
    viewersStalled: 0,
    viewersSteppedDownByPressure: 0,
    viewersSteppedDownByUplink: 0,
    joinsRefused: 0,
    joinsRefusedOfOwn: 0,
    leasesLost: 0,
  };

  constructor(options: StreamHubOptions) {
    this.#options = {
      limits: RELAY_LIMITS,
      clock: systemClock,
      profilesOf: () => USUAL_PROFILES,
      limitOf: () => undefined,
      ...options,
    };
    const { limits, clock } = this.#options;
    this.#line = new ViewerLine({
      maxWaiting: limits.maxViewersWaiting,
      letInAtOnce: limits.viewersLetInAtOnce,
      intervalMs: limits.viewersLetInEveryMs,
      retryAfterMs: limits.retryAfterMs,
      clock,
    });
  }

  /**
   * Lets a browser watch: waits in line while the server is under pressure, takes a slot where the stream is new, asks the agent for it, then sends `ready`, the cached GOP and
   * what follows. Admission is decided before anything is awaited, so a race cannot get more than the bound.
   * @returns the route's grip; a socket that has closed meanwhile is told by `closed`, or by `onClose()` of the grip.
   * @throws {AppError} STREAM_LIMIT, VIEWER_LIMIT, OWN_VIEWER_LIMIT with `{limit, active, retryAfterMs}`; AGENT_OFFLINE,
   * CAMERA_OFFLINE, PROFILE_UNSUPPORTED, ENCODER_LIMIT, ENCODER_FAILED, COMMAND_TIMEOUT; SHUTTING_DOWN.
   */
  async join(request: JoinRequest): Promise<ViewerHandle> {
    const { userId, socket, closed } = request;
    try {
      const onPlace = (place: number): void => socket.sendText(JSON.stringify(waitingMessage(place)));
      await this.#line.pass({ userId, onPlace, closed });
      return await this.#letIn(request);
    } catch (error) {
      this.counters.joinsRefused += 1;
      throw error;
    }
  }

  /** While `true` new viewers wait in line. */
  holdViewers(isHeld: boolean): void {
    if (isHeld) this.#line.hold();
    else this.#line.release();
  }

  /**
   * While `true` viewers of `main` watch `low` where their camera offers it, those of now and those who come. Nobody is taken
   * up again by itself: a picture that changes back and forth is worse than a small one.
   */
  stepDownMain(isSteppedDown: boolean): void {
    this.#isSteppedDown = isSteppedDown;
    if (!isSteppedDown) return;
    for (const [viewer, { stream }] of this.#viewers) {
      if (this.#isTooLarge(stream.camera, stream.profile)) void this.#stepDown(viewer, 'server-busy');
    }
  }

  /**
   * What the cameras of a site offer has changed: who watches what their uplink does not carry any more is taken lower. Whatever
   * else is not offered, such as all of a camera that is gone, is asked for again at once, so that viewers hear why it ends.
   */
  offersChanged(site: string): void {
    for (const stream of this.#streams.values()) {
      if (stream.camera.site !== site) continue;
      if (this.#limitOf(stream)) stream.withdraw();
      else if (!this.#options.profilesOf(stream.camera).includes(stream.profile)) stream.renewSoon();
    }
    for (const [viewer, { stream }] of this.#viewers) {
      const limit = this.#limitOf(stream);
      if (stream.camera.site === site && limit) void this.#stepDown(viewer, limit);
    }
  }

  async #letIn(request: JoinRequest): Promise<ViewerHandle> {
    const { camera, profile: asked, codecs, userId, address, socket, closed } = request;
    const { profile, reason } = this.#given(camera, asked);
    const viewer = new Viewer({
      socket,
      limits: this.#options.limits,
      counters: this.counters,
      clock: this.#options.clock,
      onTooSlow: () => void this.#stepDown(viewer, 'viewer-slow'),
      onOver: () => this.#forget(viewer),
    });
    try {
      this.#expectOwnShare(userId, address);
      const stream = this.#admit(viewer, camera, profile);
      this.#viewers.set(viewer, { stream, userId, address });
      closed?.addEventListener('abort', () => viewer.onClose(), { once: true });
      if (closed?.aborted) viewer.onClose();
      expectPlayable(await stream.open(), codecs);
      if (this.#isClosing) throw shuttingDown();
      if (reason) this.#noteStep(viewer, profile, reason);
      stream.show(viewer);
    } catch (error) {
      this.#forget(viewer);
      throw error;
    }
    return { onMessage: (text) => viewer.onMessage(text), onClose: () => viewer.onClose() };
  }

  /**
   * A live frame of an agent, in order. Copies `bytes` once, for all viewers.
   * @throws {AppError} FRAME_MALFORMED, PROTOCOL_VERSION.
   */
  acceptFrame(camera: Address, profile: Profile, bytes: Buffer): void {
    const { header } = decodeFrame(bytes);
    const stream = this.#streams.get(keyOf(camera, profile));
    if (stream) stream.accept(header, bytes);
    else this.counters.framesUnwanted += 1;
  }

  /** An agent of the site came, and may have forgotten its leases, or was removed for good. */
  agentsChanged(site: string): void {
    for (const stream of this.#streams.values()) if (stream.camera.site === site) stream.renewSoon();
  }

  snapshot(): RelaySnapshot {
    const streams = [...this.#streams.values()];
    const { maxStreams, maxStillsStreams, maxViewers } = this.#options.limits;
    return {
      max: maxStreams,
      active: streams.map((stream) => stream.snapshot()),
      slotsTaken: streams.filter(({ profile, isWithdrawn }) => profile !== 'stills' && !isWithdrawn).length,
      maxStills: maxStillsStreams,
      viewers: this.#viewers.size,
      maxViewers,
      viewersWaiting: this.#line.length,
      queuedBytes: [...this.#viewers.keys()].reduce((sum, { queuedBytes }) => sum + queuedBytes, 0),
      cachedBytes: streams.reduce((sum, { cache }) => sum + cache.bytes, 0),
      counters: { ...this.counters },
    };
  }

  /** Says goodbye to every viewer and gives every lease back. Idempotent. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#line.close();
    for (const viewer of [...this.#viewers.keys()]) viewer.end('shutting-down', CloseCode.goingAway);
    for (const stream of [...this.#streams.values()]) stream.close(shuttingDown());
  }

  /** One user, or one address, must not take the places of all others. */
  #expectOwnShare(userId: string, address: string): void {
    const { maxViewersPerUser, maxViewersPerAddress, retryAfterMs } = this.#options.limits;
    const viewers = [...this.#viewers.values()];
    const shares = [
      { limit: maxViewersPerUser, active: viewers.filter((viewer) => viewer.userId === userId).length },
      { limit: maxViewersPerAddress, active: viewers.filter((viewer) => viewer.address === address).length },
    ];
    for (const { limit, active } of shares) {
      if (active < limit) continue;
      this.counters.joinsRefusedOfOwn += 1;
      throw atLimit('OWN_VIEWER_LIMIT', { limit, active, retryAfterMs });
    }
  }

  /** Decides at once, and counts the viewer in. */
  #admit(viewer: Viewer, camera: Address, profile: Profile): LiveStream {
    if (this.#isClosing) throw shuttingDown();
    const { maxViewers, maxViewersPerStream, retryAfterMs } = this.#options.limits;
    const stream = this.#streams.get(keyOf(camera, profile));
    // A viewer that steps down is counted already.
    const viewers = this.#viewers.size - (this.#viewers.has(viewer) ? 1 : 0);
    if (viewers >= maxViewers) {
      throw atLimit('VIEWER_LIMIT', { limit: maxViewers, active: viewers, retryAfterMs });
    }
    if (stream && stream.viewers >= maxViewersPerStream) {
      throw atLimit('VIEWER_LIMIT', { limit: maxViewersPerStream, active: stream.viewers, retryAfterMs });
    }
    const admitted = stream ?? this.#newStream(camera, profile);
    admitted.reserve(viewer);
    return admitted;
  }

  #newStream(camera: Address, profile: Profile): LiveStream {
    this.#makeRoom(profile === 'stills');
    const { agents, limits, clock } = this.#options;
    const key = keyOf(camera, profile);
    const stream = new LiveStream({
      camera,
      profile,
      agents,
      limits,
      counters: this.counters,
      clock,
      freeEncoder: () => this.#freeEncoder(camera.site),
      onEnded: () => this.#streams.delete(key),
    });
    this.#streams.set(key, stream);
    return stream;
  }

  // Stills are what a viewer gets when every slot is taken, so they have slots of their own.
  #makeRoom(isStills: boolean): void {
    const { maxStreams, maxStillsStreams, retryAfterMs } = this.#options.limits;
    const limit = isStills ? maxStillsStreams : maxStreams;
    const rivals = [...this.#streams.values()].filter(
      ({ profile, isWithdrawn }) => (profile === 'stills') === isStills && !isWithdrawn,
    );
    if (rivals.length < limit) return;
    // A stream that is only kept for the grace time gives way.
    const idle = rivals.find((stream) => stream.isIdle);
    if (!idle) throw atLimit('STREAM_LIMIT', { limit, active: rivals.length, retryAfterMs });
    idle.close();
  }

  // The agent cannot know that nobody watches what is only kept for the grace time. Other agents of the site lose little by it.
  #freeEncoder(site: string): boolean {
    const [idlest] = [...this.#streams.values()]
      .filter(({ camera, profile, isIdle }) => isIdle && camera.site === site && profile !== 'stills')
      .sort((one, other) => (one.idleSinceMs ?? 0) - (other.idleSinceMs ?? 0));
    idlest?.close();
    return idlest !== undefined;
  }

  /** Who asks for more than there is gets what is next below. */
  #given(camera: Address, asked: Profile): { profile: Profile; reason?: StepReason } {
    const limit = this.#limitOf({ camera, profile: asked });
    const [lower] = limit ? this.#lowerProfiles({ camera, profile: asked }) : [];
    if (lower) return { profile: lower, reason: limit };
    if (!this.#isSteppedDown || !this.#isTooLarge(camera, asked)) return { profile: asked };
    return { profile: 'low', reason: 'server-busy' };
  }

  /** Why the agent does not offer this profile now, although the camera has it. */
  #limitOf({ camera, profile }: Watched): UplinkLimit | undefined {
    const limit = this.#options.limitOf(camera);
    return this.#options.profilesOf(camera).includes(profile) ? undefined : limit;
  }

  #isTooLarge(camera: Address, profile: Profile): boolean {
    return profile === 'main' && this.#options.profilesOf(camera).includes('low');
  }

  async #stepDown(viewer: Viewer, reason: StepReason): Promise<void> {
    const watching = this.#viewers.get(viewer);
    if (!watching || watching.steppingTo) return;
    // A gateway may have no encoder left for the next rung. Where the server is busy, one then stays rather than going to stills.
    const rungs = this.#lowerProfiles(watching.stream).slice(0, reason === 'server-busy' ? 1 : undefined);
    for (const profile of rungs) if (await this.#stepTo(viewer, watching, profile, reason)) return;
  }

  /** @returns false when the viewer stays where it is, with gaps. */
  async #stepTo(viewer: Viewer, watching: Watching, profile: Profile, reason: StepReason): Promise<boolean> {
    const { stream: before } = watching;
    let after: LiveStream | undefined;
    try {
      after = this.#admit(viewer, before.camera, profile);
      watching.steppingTo = after;
      await after.open();
      this.#move(viewer, watching, after, reason);
      return true;
    } catch (error) {
      after?.remove(viewer);
      this.#options.logger.debug({ profile, error: messageOf(error) }, 'a viewer could not step down');
      return viewer.isOver;
    } finally {
      delete watching.steppingTo;
    }
  }

  #move(viewer: Viewer, watching: Watching, after: LiveStream, reason: StepReason): void {
    if (viewer.isOver) return after.remove(viewer);
    watching.stream.remove(viewer);
    watching.stream = after;
    this.#noteStep(viewer, after.profile, reason);
    after.show(viewer);
  }

  #noteStep(viewer: Viewer, profile: Profile, reason: StepReason): void {
    if (reason === 'server-busy') this.counters.viewersSteppedDownByPressure += 1;
    else if (reason === 'viewer-slow') this.counters.viewersSteppedDown += 1;
    else this.counters.viewersSteppedDownByUplink += 1;
    viewer.tell({ type: 'profile', profile, reason });
  }

  #lowerProfiles({ camera, profile }: Watched): Profile[] {
    const offered = this.#options.profilesOf(camera);
    const rung = LADDER.indexOf(profile === 'mpeg1' ? 'low' : profile);
    return LADDER.slice(rung + 1).filter((lower) => offered.includes(lower));
  }

  #forget(viewer: Viewer): void {
    const watching = this.#viewers.get(viewer);
    this.#viewers.delete(viewer);
    watching?.stream.remove(viewer);
    watching?.steppingTo?.remove(viewer);
  }
}

function waitingMessage(place: number): LiveMessage {
  return { type: 'waiting', place };
}

function keyOf(camera: Address, profile: Profile): string {
  return `${formatAddress(camera)}/${profile}`;
}

/** @throws {AppError} PROFILE_UNSUPPORTED when the browser plays nothing of the family of codecs that the stream has. */
function expectPlayable({ container, mime }: ReadyMessage, codecs: readonly string[]): void {
  const codec = /codecs="?([^",]+)/.exec(mime)?.[1];
  if (container !== 'fmp4' || codec === undefined || codecs.length === 0) return;
  const family = codec.split('.')[0];
  if (codecs.some((playable) => playable.split('.')[0] === family)) return;
  throw new AppError('PROFILE_UNSUPPORTED', `the browser plays no ${family}`, { detail: { codec } });
}

function atLimit(
  code: 'STREAM_LIMIT' | 'VIEWER_LIMIT' | 'OWN_VIEWER_LIMIT',
  detail: { limit: number; active: number; retryAfterMs: number },
): AppError {
  return new AppError(code, `${detail.active} of ${detail.limit} are in use`, { detail, retryable: true });
}

function shuttingDown(): AppError {
  return new AppError('SHUTTING_DOWN', 'the relay is closing', { retryable: true });
}
