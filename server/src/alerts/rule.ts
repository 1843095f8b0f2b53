// What a rule is: what it looks at, when it fires and when it is over, who is told.

import * as z from 'zod';
import { ID_PATTERN, METRIC_PATTERN } from '@sitecast/shared/protocol/ids';
import { MAX_VALUE_MAGNITUDE } from '@sitecast/shared/protocol/limits';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { PRESSURE_LEVELS } from '../guard/levels.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const FOR_MAX_MS = 30 * DAY_MS;
/** Below it a value that dances around the limit would be an alert for each step. */
export const CLEAR_MIN_MS = 10_000;
export const CLEAR_MAX_MS = DAY_MS;
/** Less than this is no silence: many sensors report once a minute. */
const MISSING_MIN_MS = 10_000;

/** How far back a forecast may look. */
export const FORECAST_WINDOWS_HOURS = [6, 24, 72, 168] as const;

const id = z.string().regex(ID_PATTERN);
const metric = z.string().regex(METRIC_PATTERN);
const finite = z.number().min(-MAX_VALUE_MAGNITUDE).max(MAX_VALUE_MAGNITUDE);

/** `null` in the place of a name is every one of the site. */
export const ruleCondition = z.discriminatedUnion('kind', [
  /** A value is beyond `limit`; it is over once it is at `clearAt`, or beyond that. */
  z.object({
    kind: z.literal('threshold'),
    sensor: id.nullable(),
    metric,
    direction: z.enum(['above', 'below']),
    limit: finite,
    clearAt: finite,
  }),
  /** No reading came for as long as the rule says; of any metric when none is named. */
  z.object({ kind: z.literal('missing'), sensor: id.nullable(), metric: metric.nullable() }),
  /** The camera gives no picture, for whatever reason. */
  z.object({ kind: z.literal('camera-offline'), camera: id.nullable() }),
  z.object({ kind: z.literal('agent-offline'), agent: id.nullable() }),
  /** As free space went over the last `windowHours`, there is none left within `withinHours`. */
  z.object({
    kind: z.literal('disk-forecast'),
    agent: id.nullable(),
    withinHours: z.number().min(1).max(2_160),
    windowHours: z.literal(FORECAST_WINDOWS_HOURS),
  }),
  /** The guard of the server is at this level, or above it. */
  z.object({ kind: z.literal('pressure'), level: z.enum(PRESSURE_LEVELS).exclude(['normal']) }),
]);
export type RuleCondition = z.output<typeof ruleCondition>;
export type RuleKind = RuleCondition['kind'];
export type ConditionOf<Kind extends RuleKind> = Extract<RuleCondition, { kind: Kind }>;
export const RULE_KINDS = ruleCondition.options.map(({ shape }) => shape.kind.value);

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What an admin writes. */
export interface RuleDraft {
  /** Null: the server itself. */
  site: string | null;
  name: string;
  severity: Severity;
  enabled: boolean;
  condition: RuleCondition;
  /** How long the condition must hold; of `missing`, how long nothing came. */
  forMs: number;
  /** How long it must be over. */
  clearMs: number;
  /** Ids of channels. */
  channels: string[];
  /** Asked for a snapshot when an alert fires. */
  snapshotCamera: string | null;
}

export interface Rule extends RuleDraft {
  id: string;
  silencedUntil: Date | null;
  silencedBy: string | null;
  createdAt: Date;
  /** When site or condition changed last. */
  updatedAt: Date;
}

/** The name of the one subject of rules about the server. */
export const SERVER_SUBJECT = 'server';

/** What the schema of the parts cannot say. @throws {AppError} BAD_REQUEST */
export function expectSound({ site, condition, forMs, snapshotCamera }: RuleDraft): void {
  const refuse = (what: string): never => {
    throw new AppError('BAD_REQUEST', what);
  };
  const { kind } = condition;
  if (kind === 'pressure' && site !== null)
    refuse('site: a rule about pressure is about the server, of no site');
  if (kind !== 'pressure' && kind !== 'disk-forecast' && site === null)
    refuse(`site: a rule of kind ${kind} needs a site`);
  if (kind === 'disk-forecast' && site === null && condition.agent !== null)
    refuse('condition.agent: the disk of an agent belongs to a site');
  if (snapshotCamera !== null && site === null) refuse('snapshotCamera: a camera belongs to a site');
  if (kind === 'missing' && forMs < MISSING_MIN_MS)
    refuse(`forMs: at least ${MISSING_MIN_MS} for missing data`);
  if (kind === 'threshold' && !isOnTheRightSide(condition))
    refuse('condition.clearAt: lies on the side of the limit where the alert would fire');
}

function isOnTheRightSide({ direction, limit, clearAt }: ConditionOf<'threshold'>): boolean {
  return direction === 'above' ? clearAt <= limit : clearAt >= limit;
}

export function isSilenced({ silencedUntil }: Pick<Rule, 'silencedUntil'>, nowMs: number): boolean {
  return silencedUntil !== null && silencedUntil.getTime() > nowMs;
}
