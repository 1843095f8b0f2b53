// Why there is no picture, and the one thing to do about it. Pure.

import type { Camera } from '../api/types.ts';
import type { TextKey } from '../i18n/en.ts';
import type { StreamState } from './stream-state.ts';

export interface BlackReason {
  why: TextKey;
  todo: TextKey;
  /** The camera's own words, or the server's. */
  detail: string | undefined;
  /** Trying again at once may help. */
  canRetry: boolean;
}

const BY_REASON: Record<string, readonly [TextKey, TextKey]> = {
  SOURCE_UNREACHABLE: ['why.unreachable', 'why.unreachableDo'],
  SOURCE_SILENT: ['why.silent', 'why.silentDo'],
  SOURCE_STALLED: ['why.stalled', 'why.stalledDo'],
  SOURCE_CHANGED: ['why.changed', 'why.changedDo'],
  SOURCE_ENDED: ['why.ended', 'why.endedDo'],
  SOURCE_UNAUTHORIZED: ['why.unauthorized', 'why.unauthorizedDo'],
  SOURCE_UNSUPPORTED: ['why.unsupported', 'why.unsupportedDo'],
  ENCODER_FAILED: ['why.encoder', 'why.encoderDo'],
};

/** Its device uploads pictures by itself: no gateway could be connected, and there is no live picture. */
export function isUploadsOnly({ reason: code }: Camera): boolean {
  return code === 'UPLOADS_ONLY';
}

/** Whether asking for a picture makes sense: a camera that waits or connects may come back at any moment. */
export function mayHavePicture(camera: Camera): boolean {
  return camera.online && camera.state !== 'failed' && camera.state !== 'stopped';
}

/** undefined while there is nothing to explain. */
export function whyBlack(camera: Camera, stream: StreamState): BlackReason | undefined {
  if (isUploadsOnly(camera)) return reason('why.uploads', 'why.uploadsDo');
  if (!camera.online) return reason('why.agent', 'why.agentDo');
  if (camera.state !== 'live') return reasonOfCamera(camera);
  if (stream.phase !== 'retrying' || stream.error === undefined) return undefined;
  if (stream.error.code === 'AGENT_OFFLINE') return reason('why.agent', 'why.agentDo');
  return { ...reason('why.noFrames', 'why.noFramesDo'), canRetry: true };
}

function reasonOfCamera(camera: Camera): BlackReason {
  const detail = camera.detail ?? undefined;
  const known = BY_REASON[camera.reason ?? ''];
  if (known !== undefined) return { ...reason(...known), detail };
  if (camera.state === 'stopped') return { ...reason('why.stopped', 'why.stoppedDo'), detail };
  if (camera.state === 'connecting') return { ...reason('why.connecting', 'why.connectingDo'), detail };
  return { ...reason('why.unreachable', 'why.unreachableDo'), detail };
}

function reason(why: TextKey, todo: TextKey): BlackReason {
  return { why, todo, detail: undefined, canRetry: false };
}
