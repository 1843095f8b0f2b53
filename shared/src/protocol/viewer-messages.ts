// Text messages of the live and updates WebSockets (PROTOCOL.md, "Viewer messages"). Binary messages are live frames.

import * as z from 'zod';
import { ID_PATTERN } from './ids.ts';
import { PROFILES, type Profile } from './frame-header.ts';
import type { WireErrorCode } from './errors.ts';
import type { CameraReport, AgentStatus, UplinkLimit } from './status.ts';

export const viewerMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('subscribe'),
    camera: z.string().regex(new RegExp(`${ID_PATTERN.source.slice(0, -1)}/${ID_PATTERN.source.slice(1)}`)),
    profile: z.enum(PROFILES).default('main'),
    /** RFC 6381 strings that the browser plays; empty when it cannot say. */
    codecs: z.array(z.string().max(64)).max(32).default([]),
  }),
  z.object({
    type: z.literal('presented'),
    sequence: z.int().min(0).max(0xffffffff),
    bufferedMs: z.number().min(0).max(600_000),
  }),
]);
export type ViewerMessage = z.output<typeof viewerMessage>;

export type Container = 'fmp4' | 'mpegts' | 'jpeg';

/** Server -> viewer on `/api/v1/live`. */
export type LiveMessage =
  | {
      type: 'ready';
      stream: string;
      profile: Profile;
      container: Container;
      mime: string;
      width: number;
      height: number;
    }
  /** Not let in yet because the server is busy; 1 is next. */
  | { type: 'waiting'; place: number }
  | { type: 'dropped'; frames: number; reason: 'viewer-slow' | 'uplink-slow' }
  | { type: 'profile'; profile: Profile; reason: 'viewer-slow' | 'server-busy' | UplinkLimit }
  | ({ type: 'error' } & LiveError)
  | { type: 'ended'; reason: string };

export interface LiveError {
  code: WireErrorCode;
  message: string;
  messageKo: string;
  limit?: number;
  active?: number;
  retryAfterMs?: number;
}

export interface LatestValue {
  site: string;
  sensor: string;
  metric: string;
  unit: string | null;
  /** As the device calls it; null where it never said. */
  label: string | null;
  ts: string;
  value: number;
}

/** Server -> page on `/api/v1/updates`; coalesced per key, so each carries the whole newest state of its key. */
export type UpdateMessage =
  | { type: 'agent'; site: string; id: string; status: AgentStatus }
  | { type: 'camera'; site: string; id: string; agent: string; report: CameraReport }
  /** It is in no list any more: the agent was revoked, or the camera is no longer reported. */
  | { type: 'removed'; kind: 'agent' | 'camera'; site: string; id: string }
  | { type: 'snapshot'; site: string; camera: string; id: string; capturedAt: string; reason: string }
  | {
      type: 'event';
      site: string;
      /** Null: of an agent. */
      camera: string | null;
      id: string;
      kind: string;
      at: string;
      until: string | null;
    }
  /** Null: of the server itself, for those who see all sites. */
  | { type: 'alert'; site: string | null; id: string; state: 'firing' | 'resolved' }
  | { type: 'readings'; values: LatestValue[] }
  | { type: 'system'; system: Record<string, unknown> };

/** WebSocket close codes (RFC 6455 7.4; 4xxx are ours). */
export const CloseCode = {
  goingAway: 1001,
  policyViolation: 1008,
  tryAgainLater: 1013,
  viewerStalled: 4000,
  cameraUnavailable: 4001,
  ended: 4002,
} as const;
