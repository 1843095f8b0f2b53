// What a report is about, and what its parts say. Sizes are bounded, so that a site of any size makes a report of some size.

import type { ReportLanguage } from './report-kinds.ts';
import type { PeriodRange, ReportPeriod } from './report-period.ts';

/** Of a site (`coarsen`): those after them, by name, are left out, and the page says so. */
export const REPORT_CAMERAS_MAX = 500;
export const REPORT_SENSORS_MAX = 1_000;
export const REPORT_SERIES_MAX = 1_000;
/** Of each list in a report (`coarsen`). */
export const REPORT_LIST_MAX = 2_000;
/** Of a curve. */
export const CURVE_POINTS_MAX = 300;

export interface ReportSubject extends PeriodRange {
  site: string;
  siteName: string;
  period: ReportPeriod | null;
  timeZone: string;
  language: ReportLanguage;
  /** When it is made: what lies after it has not happened. */
  madeAt: Date;
}

export interface Availability {
  /** 0 to 1; null of what was not there yet. */
  share: number | null;
  downMs: number;
  /** Times that it went away. */
  downs: number;
}

export interface CameraPart extends Availability {
  id: string;
  name: string;
}

export interface SensorPart extends Availability {
  id: string;
  name: string;
  /** outages: as they were noted; interval: from the time between its readings; none: it sent nothing yet. */
  basis: 'outages' | 'interval' | 'none';
}

/** `[epochMs, mean, min, max, count]` of one bucket. */
export type CurvePoint = readonly [ms: number, mean: number, min: number, max: number, count: number];

export interface SeriesPart {
  sensor: string;
  sensorName: string;
  metric: string;
  unit: string | null;
  /** As its device calls it. */
  label: string | null;
  /** Readings; 0 leaves the numbers below null. */
  count: number;
  min: number | null;
  mean: number | null;
  max: number | null;
  bucketMs: number;
  /** Buckets without a reading are left out. */
  points: CurvePoint[];
  /** Which of the `places` series of the site this is, from 1. */
  place: number;
  places: number;
}

export interface AlertPart {
  rule: string;
  severity: 'info' | 'warning' | 'critical';
  kind: string;
  subject: string;
  value: number | null;
  /** Of the value, where it is one of a series. */
  unit: string | null;
  from: Date;
  /** Null while it fires. */
  to: Date | null;
  acknowledgedBy: string | null;
}

export interface GapPart {
  agent: string;
  lane: string;
  from: Date;
  to: Date;
  /** Messages that never came. */
  count: number;
  detail: string;
}

export interface PicturePart {
  camera: string;
  capturedAt: Date;
  type: string;
  width: number;
  height: number;
  bytes: Buffer;
}
