// The narrow view of a camera that live streams need; `camera/live-camera.ts` fits it.

import type { Profile } from '@sitecast/shared/protocol/frame-header';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { FragmentSource, InitSegment, KeyframePicture } from '../camera/fragment.ts';
import type { AgentErrorCode } from '../errors.ts';

export interface LiveSource {
  readonly id: string;
  report(): CameraReport;
  latestPicture(): KeyframePicture | undefined;
  onPicture(listener: (picture: KeyframePicture) => void): () => void;
  /**
   * Starts what the profile needs; the caller closes it.
   * @throws {AppError} CAMERA_OFFLINE, ENCODER_LIMIT; nothing is started then.
   */
  open(profile: Exclude<Profile, 'stills'>): LiveVideo;
}

/** One profile of one camera, for one lease. */
export interface LiveVideo extends FragmentSource {
  /** Of what is shown now; undefined before the first picture and while the camera or the encoder starts anew. */
  readonly init: InitSegment | undefined;
  /** Why nothing comes, although it was tried more than once. */
  readonly failure: AppError | undefined;
  /** @throws {AppError} ENCODER_FAILED when nothing comes in time; LEASE_ENDED when it is closed before. */
  untilInit(): Promise<InitSegment>;
  close(): void;
}

export function cameraOffline({ id, state, detail }: CameraReport): AppError<AgentErrorCode> {
  return new AppError('CAMERA_OFFLINE', `"${id}" gives no picture: ${detail ?? state}`, { retryable: true });
}

/** Retryable: the line gets faster, or the month ends. */
export function uplinkLimited(camera: string, what: string): AppError<AgentErrorCode> {
  const message = `the uplink does not carry ${what} of "${camera}" at the moment`;
  return new AppError('UPLINK_LIMITED', message, { retryable: true });
}

/** One leased stream; a new connection or lease gets a new one. */
export interface LiveStream {
  start(): void;
  /** The server has received up to this frame. */
  acked(sequence: number): void;
  close(): void;
}
