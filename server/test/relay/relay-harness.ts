// A hub with a clock that stands still, agents that answer as a test says, and browsers that only remember.

import { createLogger } from '@sitecast/shared/node/logger';
import type { LeaseResult, LiveAck } from '@sitecast/shared/protocol/commands';
import {
  decodeFrame,
  encodeFrame,
  FrameKind,
  type Frame,
  type FrameHeader,
  type Profile,
} from '@sitecast/shared/protocol/frame-header';
import type { Address } from '@sitecast/shared/protocol/ids';
import type { UplinkLimit } from '@sitecast/shared/protocol/status';
import type { LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { RELAY_LIMITS, type RelayLimits } from '../../src/relay/limits.ts';
import type { AgentPort, ViewerHandle, ViewerSocket } from '../../src/relay/ports.ts';
import { StreamHub } from '../../src/relay/stream-hub.ts';
import { ManualClock } from '../support/manual-clock.ts';

export const FRONT: Address = { site: 'demo', id: 'front' };
const MIME = 'video/mp4; codecs="avc1.64001f"';

export class FakeAgents implements AgentPort {
  readonly leases: string[] = [];
  readonly releases: string[] = [];
  readonly acks: LiveAck[] = [];
  mime = MIME;
  /** Replaced by a test that wants an agent to refuse or to take long. */
  answer: (camera: Address, profile: Profile) => Promise<LeaseResult> = async ({ id }, profile) => ({
    stream: `${id}/${profile}`,
    epoch: 1,
    container: profile === 'stills' ? 'jpeg' : 'fmp4',
    mime: profile === 'stills' ? 'image/jpeg' : this.mime,
    width: 640,
    height: 360,
  });

  lease(camera: Address, profile: Profile): Promise<LeaseResult> {
    this.leases.push(`${camera.id}/${profile}`);
    return this.answer(camera, profile);
  }

  release(camera: Address, profile: Profile): void {
    this.releases.push(`${camera.id}/${profile}`);
  }

  ack(_camera: Address, ack: LiveAck): void {
    this.acks.push(ack);
  }
}

export class FakeBrowser implements ViewerSocket {
  readonly texts: LiveMessage[] = [];
  readonly frames: Frame[] = [];
  closed: { code: number; reason: string } | undefined;
  isTerminated = false;
  /** What the test says is stuck in the process. */
  queued = 0;

  sendText(text: string): void {
    this.texts.push(JSON.parse(text) as LiveMessage);
  }

  sendFrame(message: Buffer): void {
    const code = (message[1] as number) & 0x7f;
    this.frames.push(decodeFrame(message.subarray(code < 126 ? 2 : code === 126 ? 4 : 10)));
  }

  queuedBytes(): number {
    return this.queued;
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  terminate(): void {
    this.isTerminated = true;
  }

  /** Sequences of what was sent, `i` before those of init segments. */
  get sequences(): string[] {
    return this.frames.map(
      ({ header }) => `${header.kind === FrameKind.initSegment ? 'i' : ''}${header.sequence}`,
    );
  }

  texted<T extends LiveMessage['type']>(type: T): Extract<LiveMessage, { type: T }>[] {
    return this.texts.filter((text): text is Extract<LiveMessage, { type: T }> => text.type === type);
  }
}

export interface Offers {
  profiles: Profile[];
  limit: UplinkLimit | undefined;
}

export function createHub(limits: Partial<RelayLimits> = {}, profiles: Profile[] = ['main', 'stills']) {
  /** What every camera offers; a test may change it. */
  const offers: Offers = { profiles, limit: undefined };
  const clock = new ManualClock();
  const agents = new FakeAgents();
  const hub = new StreamHub({
    agents,
    clock,
    limits: { ...RELAY_LIMITS, ...limits },
    profilesOf: () => offers.profiles,
    limitOf: () => offers.limit,
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  const join = async (
    camera: Address | string = FRONT,
    profile: Profile = 'main',
    codecs: string[] = [],
  ): Promise<{ browser: FakeBrowser; handle: ViewerHandle }> => {
    const browser = new FakeBrowser();
    const address = typeof camera === 'string' ? { site: 'demo', id: camera } : camera;
    const handle = await hub.join({
      camera: address,
      profile,
      codecs,
      userId: 'u',
      address: '192.0.2.1',
      socket: browser,
    });
    return { browser, handle };
  };
  return { clock, agents, hub, join, offers };
}

/** Sends frames as an agent does: numbered within an epoch, the init segment counted. */
export class FakeCamera {
  readonly #hub: StreamHub;
  readonly #camera: Address;
  readonly #profile: Profile;
  epoch = 1;
  sequence = 0;

  constructor(hub: StreamHub, camera: Address = FRONT, profile: Profile = 'main') {
    this.#hub = hub;
    this.#camera = camera;
    this.#profile = profile;
  }

  init(text = `init of epoch ${this.epoch}`): void {
    this.#send({ kind: FrameKind.initSegment }, Buffer.from(text));
  }

  keyframe(bytes = 100, header: Partial<FrameHeader> = {}): void {
    this.#send({ kind: FrameKind.fragment, isKeyframe: true, ...header }, Buffer.alloc(bytes));
  }

  picture(bytes = 100): void {
    this.#send({ kind: FrameKind.fragment }, Buffer.alloc(bytes));
  }

  pictures(count: number): void {
    for (let i = 0; i < count; i += 1) this.picture();
  }

  still(bytes = 100, header: Partial<FrameHeader> = {}): void {
    this.#send({ kind: FrameKind.jpegStill, isKeyframe: true, ...header }, Buffer.alloc(bytes));
  }

  restart(): void {
    this.epoch += 1;
    this.sequence = 0;
  }

  #send(header: Partial<FrameHeader>, payload: Buffer): void {
    const bytes = encodeFrame(
      {
        kind: FrameKind.fragment,
        isKeyframe: false,
        isDiscontinuity: false,
        isLast: false,
        epoch: this.epoch,
        sequence: this.sequence++,
        capturedAtUs: 1_000_000,
        ...header,
      },
      payload,
    );
    this.#hub.acceptFrame(this.#camera, this.#profile, Buffer.from(bytes));
  }
}

/** Lets promises that are ready run on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
}
