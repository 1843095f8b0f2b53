// What a tile shows of its stream, and what to do when the server refuses. Pure.

import type { Profile } from '@sitecast/shared/protocol/frame-header';
import type { LiveError, LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import type { Delay } from './clock-gauge.ts';

export const STREAM_TIMES = {
  /** The server takes a viewer for lost after 10 s without progress. */
  progressIntervalMs: 1_000,
  droppedNoticeMs: 8_000,
  /** After a step down for a slow connection. */
  stepUpAfterMs: 60_000,
  /** No frame for this long, though the server said that it is ready. */
  silenceMs: 20_000,
} as const;

type StepReason = Extract<LiveMessage, { type: 'profile' }>['reason'];

export type StreamNotice =
  | { kind: 'dropped'; frames: number; reason: 'viewer-slow' | 'uplink-slow' }
  | { kind: 'stepped-down'; profile: Profile; reason: StepReason }
  /** Not let in yet; 1 is next. */
  | { kind: 'waiting'; place: number }
  /** A refusal in the server's words; stills are shown meanwhile. */
  | { kind: 'queued'; message: string; messageKo: string }
  | { kind: 'codec' };

export interface StreamState {
  /**
   * `idle` not asked for; `connecting` until the server is ready; `starting` until the first picture; `playing` a picture is
   * shown; `retrying` after a loss or a refusal, until the next try.
   */
  phase: 'idle' | 'connecting' | 'starting' | 'playing' | 'retrying';
  /** What is shown; undefined before the first answer. */
  profile: Profile | undefined;
  delay: Delay | undefined;
  bufferedMs: number;
  notice: StreamNotice | undefined;
  error: LiveError | undefined;
  /** The browser wants a tap before it plays. */
  isPlayBlocked: boolean;
}

export const IDLE_STREAM: StreamState = {
  phase: 'idle',
  profile: undefined,
  delay: undefined,
  bufferedMs: 0,
  notice: undefined,
  error: undefined,
  isPlayBlocked: false,
};

export type RefusalAnswer =
  /** Show stills, and ask for video again after a while. */
  | { kind: 'stills-and-ask-again'; afterMs: number }
  /** Show stills for good. */
  | { kind: 'stills' }
  | { kind: 'retry'; afterMs: number | undefined };

const ASK_AGAIN_MS = 10_000;
/** Somebody else's view ends, or the gateway recovers: video may be had again without anybody's doing. */
const COMES_FREE: ReadonlySet<string> = new Set(['STREAM_LIMIT', 'ENCODER_LIMIT', 'ENCODER_FAILED']);

export function answerToRefusal(error: LiveError, asked: Profile): RefusalAnswer {
  if (asked !== 'stills' && COMES_FREE.has(error.code)) {
    return { kind: 'stills-and-ask-again', afterMs: error.retryAfterMs ?? ASK_AGAIN_MS };
  }
  if (asked !== 'stills' && error.code === 'PROFILE_UNSUPPORTED') return { kind: 'stills' };
  return { kind: 'retry', afterMs: error.retryAfterMs };
}

/** A wait with up to a quarter more, so that many tiles do not ask at the same moment. */
export function withJitter(ms: number, random: () => number = Math.random): number {
  return Math.round(ms * (1 + 0.25 * random()));
}
