// A camera as live streams see it: which profiles it offers, how each is made, and the video of one while it is leased.

import type { Logger } from '@sitecast/shared/node/logger';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import { MAX_FRAME_BYTES } from '@sitecast/shared/protocol/limits';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { fitsIntoFrame } from '../live/frame-sender.ts';
import { cameraOffline, type LiveSource, type LiveVideo } from '../live/live-source.ts';
import { FULL_OFFER, type Offer } from '../uplink/offer.ts';
import { isBrowserCodec } from './browser-codec.ts';
import { CameraVideo, type CameraVideoOptions } from './camera-video.ts';
import type { Camera } from './camera.ts';
import { LOW_MAX_WIDTH } from './encoder/encoder-arguments.ts';
import type { Encoder, EncoderJob } from './encoder/encoder.ts';
import { FULL_PACE } from './encoder/pace.ts';
import type { Fragment, InitSegment, KeyframePicture } from './fragment.ts';
import { SubStreamVideo } from './sub-stream-video.ts';

const LIVE_PROFILES = ['main', 'low', 'mpeg1', 'stills'] as const satisfies readonly Profile[];
const TOO_LARGE = 'a keyframe is larger than a message may be (1 MiB)';
const MAKE_SMALLER = 'lower bit rate, quality or size on the camera';
/** A second stream that failed is not asked for again for so long: each try delays the picture by seconds. */
const SUB_STREAM_REST_MS = 5 * 60_000;

export interface LiveCameraOptions {
  camera: Camera;
  encoders: CameraVideoOptions['encoders'] & { readonly hasRoom: boolean };
  /** What the uplink carries of it now; all when absent. */
  offer?: () => Offer;
  /** Where the camera has a second stream: a camera that reads it, not started, with the epochs of the first. */
  createSubStream?: (() => Camera) | undefined;
  /** What `report()` says of encoding is another thing now, while the camera's own report is the same. */
  onChanged?: () => void;
  logger: Logger;
  clock?: Clock;
}

/** Borrows the camera and the encoders; owns the session with the second stream. */
export class LiveCamera implements LiveSource {
  readonly #options: LiveCameraOptions;
  readonly #clock: Clock;
  readonly #offer: () => Offer;
  #subStream: Camera | undefined;
  /** Sessions with the second stream that are being ended; `close()` waits for them. */
  readonly #ending = new Set<Promise<void>>();
  #subStreamRestsUntilMs = -Infinity;
  /** Whether the second stream had to be encoded, as far as it was ever seen. */
  #isSubStreamEncoded = false;
  /** Runs of the camera with keyframes that no message holds; forgotten with their fragments. */
  readonly #tooLarge = new WeakSet<InitSegment>();
  readonly #unsubscribe: () => void;

  constructor(options: LiveCameraOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#offer = options.offer ?? (() => FULL_OFFER);
    this.#unsubscribe = options.camera.onPicture(() => this.#lookAtKeyframe());
  }

  get id(): string {
    return this.#options.camera.id;
  }

  /** Of the capture of the second stream; undefined while none runs. */
  get subStreamPid(): number | undefined {
    return this.#subStream?.capturePid;
  }

  /** The camera's own report, and what is made of it for viewers. */
  report(): CameraReport {
    const report = this.#options.camera.report();
    const { profiles, limitedBy } = this.#offer();
    const encoded = this.#encoded(report).filter((profile) => profiles.includes(profile));
    return { ...report, profiles: [...profiles], encoded, ...(limitedBy && { limitedBy }) };
  }

  latestPicture(): KeyframePicture | undefined {
    return this.#options.camera.latestPicture();
  }

  onPicture(listener: (picture: KeyframePicture) => void): () => void {
    return this.#options.camera.onPicture(listener);
  }

  /** Starts it; the caller closes it. @throws {AppError} CAMERA_OFFLINE, ENCODER_LIMIT */
  open(profile: EncoderJob['profile']): LiveVideo {
    const { camera, createSubStream } = this.#options;
    if (camera.ring.fromLastKeyframe().length === 0) throw cameraOffline(camera.report());
    const isRested = this.#clock.monotonicMs() >= this.#subStreamRestsUntilMs;
    if (profile === 'low' && createSubStream && !this.#subStream && isRested) {
      return this.#openSubStream(createSubStream());
    }
    return this.#openVideo(camera, profile, (init, keyframe) => {
      return profile === 'main' && this.#isPlayable(init, keyframe);
    });
  }

  /** Resolves when nothing of the second stream runs any more. Idempotent; what is leased is closed before. */
  async close(): Promise<void> {
    this.#unsubscribe();
    if (this.#subStream) this.#endSubStream(this.#subStream);
    await Promise.all(this.#ending);
  }

  #encoded({ codec }: CameraReport): Profile[] {
    const isMainEncoded = this.#isMasked || (codec !== null && !isBrowserCodec(codec)) || this.#isTooLargeNow;
    const isSubStreamPassed = !this.#isMasked && !this.#isSubStreamEncoded && !this.#isSlowed;
    const isLowPassed = this.#options.createSubStream !== undefined && isSubStreamPassed;
    const isEncoded = { main: isMainEncoded, low: !isLowPassed, mpeg1: true, stills: false };
    return LIVE_PROFILES.filter((profile) => isEncoded[profile]);
  }

  #openVideo(
    camera: Camera,
    profile: EncoderJob['profile'],
    isPassedThrough: CameraVideoOptions['isPassedThrough'],
  ): CameraVideo {
    const { logger } = this.#options;
    const encoders: CameraVideoOptions['encoders'] = { open: (job) => this.#openEncoder(camera, job) };
    const video = new CameraVideo({ camera, profile, isPassedThrough, encoders, clock: this.#clock, logger });
    video.start();
    return video;
  }

  #openSubStream(subStream: Camera): LiveVideo {
    const { camera, encoders, logger } = this.#options;
    let isSlowed = false;
    // Once for as long as it is watched: with an encoder, `low` can get smaller and larger.
    const isPassedThrough = (init: InitSegment, keyframe: Fragment): boolean => {
      isSlowed ||= this.#isSlowed && encoders.hasRoom;
      return this.#isSmallEnough(init, keyframe) && !isSlowed;
    };
    const video = new SubStreamVideo({
      camera: subStream,
      video: this.#openVideo(subStream, 'low', isPassedThrough),
      openInstead: () => this.#openVideo(camera, 'low', () => false),
      onGivenUp: () => {
        this.#subStreamRestsUntilMs = this.#clock.monotonicMs() + SUB_STREAM_REST_MS;
      },
      endSession: () => this.#endSubStream(subStream),
      logger,
    });
    this.#subStream = subStream;
    video.start();
    return video;
  }

  /** `low` has to be smaller than usual; what a camera gives by itself cannot be. */
  get #isSlowed(): boolean {
    return this.#offer().pace !== FULL_PACE;
  }

  get #isMasked(): boolean {
    return this.#options.camera.masks.areas.length > 0;
  }

  /** As the camera sends it: only an encoder can paint over what nobody may see. */
  #isPlayable(init: InitSegment, keyframe: Fragment): boolean {
    return !this.#isMasked && isBrowserCodec(init.codec) && this.#isSendable(init, keyframe);
  }

  /** After one keyframe that no message holds, nothing of this run is: there will be others, and each would be a hole. */
  #isSendable(init: InitSegment, { bytes, isKeyframe }: Fragment): boolean {
    if (this.#tooLarge.has(init)) return false;
    if (!isKeyframe || fitsIntoFrame(bytes)) return true;
    this.#tooLarge.add(init);
    const fields = { camera: this.id, keyframeBytes: bytes.length, maxBytes: MAX_FRAME_BYTES };
    this.#options.logger.warn(
      fields,
      `what is passed through has to be encoded: ${TOO_LARGE}; ${MAKE_SMALLER}`,
    );
    this.#options.onChanged?.();
    return false;
  }

  /** What is offered is known before somebody watches. */
  #lookAtKeyframe(): void {
    const [keyframe] = this.#options.camera.ring.fromLastKeyframe();
    if (keyframe) this.#isSendable(keyframe.init, keyframe);
  }

  get #isTooLargeNow(): boolean {
    const [keyframe] = this.#options.camera.ring.fromLastKeyframe();
    return keyframe !== undefined && (this.#tooLarge.has(keyframe.init) || !fitsIntoFrame(keyframe.bytes));
  }

  /** @throws {AppError} ENCODER_LIMIT, with what would do without one. */
  #openEncoder(camera: Camera, job: EncoderJob): Encoder {
    const [keyframe] = camera.ring.fromLastKeyframe();
    const isAvoidable = job.profile !== 'mpeg1' && keyframe && this.#tooLarge.has(keyframe.init);
    return this.#options.encoders.open(
      isAvoidable ? { ...job, wayAround: `${MAKE_SMALLER} (${TOO_LARGE})` } : job,
    );
  }

  #isSmallEnough(init: InitSegment, keyframe: Fragment): boolean {
    const isSmallEnough = this.#isPlayable(init, keyframe) && init.width <= LOW_MAX_WIDTH;
    this.#isSubStreamEncoded = !isSmallEnough;
    return isSmallEnough;
  }

  #endSubStream(subStream: Camera): void {
    if (this.#subStream === subStream) this.#subStream = undefined;
    const ended = subStream.close().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}
