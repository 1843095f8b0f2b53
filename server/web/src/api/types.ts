// What the HTTP API answers, as far as the page uses it. Fields that an older or newer server may leave out are optional.

import type { CameraState, AgentHealth, UplinkLimit } from '@sitecast/shared/protocol/status';
import type { Profile } from '@sitecast/shared/protocol/frame-header';

export type Role = 'viewer' | 'operator' | 'admin';

export interface User {
  id: string;
  username: string;
  role: Role;
  sites: string[] | null;
}

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

export interface Site {
  id: string;
  name?: string | null;
  timeZone?: string | null;
}

export interface Camera {
  site: string;
  id: string;
  agent: string;
  name: string;
  /** A name given on the server; it stands before the gateway's. */
  customName?: string | null;
  state: CameraState;
  reason: string | null;
  detail: string | null;
  since: string | null;
  codec: string | null;
  width: number | null;
  height: number | null;
  fps: number | null;
  profiles: Profile[];
  /** Those of them that the gateway encodes. */
  encoded?: Profile[];
  /** Why they are fewer than the camera could give. */
  limitedBy?: UplinkLimit;
  /** The gateway of the camera is connected. */
  online: boolean;
  lastSnapshot: { id: string; capturedAt: string } | null;
}

export interface Agent {
  site: string;
  id: string;
  /** Given on the server; else its id. */
  name?: string;
  version: string | null;
  state: 'online' | 'offline';
  since: string | null;
  lastSeenAt: string | null;
  health?: AgentHealth | null;
}

export interface SensorMetric {
  metric: string;
  unit: string | null;
  /** As its device calls it. */
  label: string | null;
  ts: string;
  value: number;
}

export interface Sensor {
  site: string;
  id: string;
  name: string | null;
  lastSeenAt: string | null;
  metrics: SensorMetric[];
}

/** A snapshot that was announced by an update carries its first five fields until the list is read again. */
export interface Snapshot {
  id: string;
  site: string;
  camera: string;
  capturedAt: string;
  reason: string;
  receivedAt?: string;
  type?: string;
  width?: number;
  height?: number;
  bytes?: number;
}

export interface Device {
  id: string;
  site: string;
  kind: 'agent' | 'sensor';
  createdAt: string;
  lastSeenAt: string | null;
  /** Missing where revoked devices are not listed. */
  revokedAt?: string | null;
  connected: boolean;
  mapping?: DeviceMapping | null;
}

/** With which a gateway signs. */
export interface SigningKey {
  keyId: string;
  publicKey: string;
  seenAt: string;
  acceptedAt: string | null;
  retiredAt: string | null;
}

/** Of a sensor that speaks the language of another project. */
export interface DeviceMapping {
  topics?: string[];
  rules?: object[];
}

/** A message of a foreign device that gave no reading. */
export interface UnmappedSample {
  site: string;
  device: string;
  isOfGateway: boolean;
  topic: string;
  reason: string;
  payload: string;
  count: number;
  lastAt: string | null;
}

/** What rules would make of a message. */
export interface TriedRule {
  kind: 'readings' | 'ignored' | 'refused';
  reason: string | null;
  sensor: string | null;
  readings: { ts: string; values: Record<string, number> }[];
  units: Record<string, string>;
}

export type Tier = 'raw' | '1m' | '1h' | '1d';
/** `[epochMs, value]`, or of a bucket `[epochMs, avg, min, max, count]`. */
export type SeriesPoint = readonly number[];

export interface Series {
  site: string;
  sensor: string;
  metric: string;
  unit: string | null;
  /** As its device calls it. */
  label: string | null;
  tier: Tier;
  /** Width of the buckets, 0 when raw. */
  bucketMs: number;
  points: SeriesPoint[];
}

export interface LimitRow {
  name: string;
  value: number | string;
  unit?: string | null;
  policy?: string | null;
}

export interface ActiveStream {
  camera: string | { site: string; camera: string };
  profile: Profile;
  viewers: number;
  bytesPerSecond: number;
}

export interface PressureChange {
  at: string;
  level: string;
  causes: string[];
  shedding: string[];
}

export interface StoredKind {
  items: number;
  bytes: number;
  maxBytes: number | null;
  maxAgeDays: number | null;
  bytesPerDay: number | null;
}

/** `fullInDays` 0: the oldest go already; null: never, or not to be foreseen. */
export interface StorageReport {
  kinds: { snapshots: StoredKind; clips: StoredKind; reports: StoredKind };
  media: { bytes: number; maxBytes: number | null; fullInDays: number | null };
  clips: { fullInDays: number | null };
  disk: { bytesPerDay: number | null; fullInDays: number | null };
  garbage: { items: number; bytes: number };
  /** The clock of the server jumped: nothing is deleted by age meanwhile. */
  clockDoubt: { lastSeenAt: string; heldUntil: string } | null;
}

export interface SystemReport {
  limits?: LimitRow[];
  ledger?: { budgetBytes?: number; reservedBytes?: number };
  pressure?: { level?: string; shedding?: string[]; changes?: PressureChange[] };
  cpu?: { sustainedCores?: number; warning?: 'above-baseline' | 'stolen' | null };
  streams?: { max?: number; active?: ActiveStream[] };
  viewers?: unknown;
  queues?: unknown;
  pool?: unknown;
  memory?: { rssBytes?: number; limitBytes?: number | null };
  eventLoop?: { p99Ms?: number };
  /** Ports of the device listeners, when the server tells them. */
  endpoints?: { mqttPort?: number; mediaPort?: number };
  disk?: { freeBytes?: number; totalBytes?: number } | null;
  /** null before the server has looked. */
  storage?: StorageReport | null;
}

export interface TimelinePicture {
  id: string;
  camera: string;
  capturedAt: string;
  reason: string;
}

export interface TimelineEvent {
  id: string;
  camera: string | null;
  agent: string;
  kind: string;
  at: string;
  until: string | null;
  detail: string | null;
  snapshotId: string | null;
  clipId: string | null;
}

export interface EventCount {
  from: string;
  to: string;
  kind: string;
  count: number;
}

export interface TimelineCurve {
  sensor: string;
  metric: string;
  unit: string | null;
  /** As its device calls it. */
  label: string | null;
  tier: Tier;
  /** Width of the buckets; 0 when raw. */
  bucketMs: number;
  points: SeriesPoint[];
}

export interface TimelineOutage {
  kind: 'agent' | 'camera' | 'sensor';
  id: string;
  began: string;
  ended: string | null;
  reason: string;
  count: number;
  awayMs: number;
}

export interface Timeline {
  site: string;
  from: string;
  to: string;
  pictures: TimelinePicture[];
  events: TimelineEvent[];
  eventCounts: EventCount[];
  curves: TimelineCurve[];
  outages: TimelineOutage[];
  thinned: { what: string; bucketMs: number | null; shown: number | null; of: number | null }[];
}
