// What the rules about cameras, agents, disks and the server itself find, as things are now. Plain functions.

import { awaySince } from '../fleet/absence.ts';
import type { Agent, Camera } from '../fleet/fleet-records.ts';
import { isUploadsOnly } from '../fleet/fleet-records.ts';
import { isAtLeast, type PressureLevel } from '../guard/levels.ts';
import type { DiskForecast } from './disk-forecasts.ts';
import type { Verdict } from './phase.ts';
import { SERVER_SUBJECT, type ConditionOf, type Rule } from './rule.ts';

export interface Observation {
  subject: string;
  verdict: Verdict;
  value: number | null;
  /** A code or word that says more. */
  reason: string | null;
}

/** Where the engine looks. All of it is in memory. */
export interface World {
  cameras: () => Camera[];
  agents: () => Agent[];
  pressure: () => { level: PressureLevel; causes: string[] };
  /** Of all disks, over so many hours; undefined before they were looked at. */
  forecasts: (windowHours: number) => readonly DiskForecast[] | undefined;
}

/** A forecast is over once there is this much more time than the rule asks for. */
const FORECAST_CLEAR_AT = 1.25;
const HOURS_A_DAY = 24;
/** What an agent says is no more than text until it looks like a code. */
const CODE = /^[A-Z_]{1,64}$/;

/** @returns undefined when nothing can be said now, as of rules about readings, which are told of each. */
export function observe(rule: Rule, world: World, nowMs: number): Observation[] | undefined {
  const { condition } = rule;
  switch (condition.kind) {
    case 'threshold':
    case 'missing':
      return undefined;
    case 'camera-offline':
      return camerasOf(rule, condition, world.cameras());
    case 'agent-offline':
      return agentsOf(rule, condition, world.agents(), nowMs);
    case 'disk-forecast':
      return disksOf(rule, condition, world.forecasts(condition.windowHours));
    case 'pressure':
      return [pressureOf(condition, world.pressure())];
  }
}

/** One that is stopped on purpose, or only uploads pictures, is not missed. */
function camerasOf(
  { site }: Rule,
  { camera: wanted }: ConditionOf<'camera-offline'>,
  cameras: Camera[],
): Observation[] {
  return cameras
    .filter((camera) => camera.site === site && (wanted === null || camera.id === wanted))
    .filter((camera) => !isUploadsOnly(camera))
    .map(({ id, report: { state, reason } }) => ({
      subject: id,
      verdict: state === 'live' || state === 'stopped' ? 'good' : 'bad',
      value: null,
      reason: reason !== null && CODE.test(reason) ? reason : state,
    }));
}

function agentsOf(
  { site }: Rule,
  { agent: wanted }: ConditionOf<'agent-offline'>,
  agents: Agent[],
  nowMs: number,
): Observation[] {
  return agents
    .filter((agent) => agent.site === site && (wanted === null || agent.id === wanted))
    .map((found) => ({
      subject: found.id,
      verdict: awaySince(found, nowMs) === undefined ? 'good' : 'bad',
      value: null,
      reason: null,
    }));
}

function disksOf(
  { site }: Rule,
  { agent, withinHours }: ConditionOf<'disk-forecast'>,
  forecasts: readonly DiskForecast[] | undefined,
): Observation[] | undefined {
  return forecasts
    ?.filter((disk) => disk.site === site && (agent === null || disk.agent === agent))
    .map(({ agent: owner, hoursLeft, isKnown }) => ({
      subject: owner ?? SERVER_SUBJECT,
      // What nobody can tell changes nothing.
      verdict: isKnown ? verdictOfHours(hoursLeft, withinHours) : 'between',
      value: hoursLeft === null ? null : hoursLeft / HOURS_A_DAY,
      reason: null,
    }));
}

function verdictOfHours(hoursLeft: number | null, withinHours: number): Verdict {
  if (hoursLeft === null || hoursLeft >= withinHours * FORECAST_CLEAR_AT) return 'good';
  return hoursLeft < withinHours ? 'bad' : 'between';
}

function pressureOf(
  { level: least }: ConditionOf<'pressure'>,
  { level, causes }: { level: PressureLevel; causes: string[] },
): Observation {
  const verdict = isAtLeast(level, least) ? 'bad' : 'good';
  return { subject: SERVER_SUBJECT, verdict, value: null, reason: causes.join(', ') || level };
}

export function verdictOfValue(
  { direction, limit, clearAt }: ConditionOf<'threshold'>,
  value: number,
): Verdict {
  const isAbove = direction === 'above';
  if (isAbove ? value > limit : value < limit) return 'bad';
  return (isAbove ? value <= clearAt : value >= clearAt) ? 'good' : 'between';
}
