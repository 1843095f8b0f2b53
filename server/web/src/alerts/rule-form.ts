// The rule editor as a person fills it in, and the rule that comes of it. Pure.

import type { Rule, RuleCondition, RuleDraft, RuleKind, Severity } from '../api/alert-types.ts';
import type { TextKey } from '../i18n/en.ts';

/** As texts of a form; an empty name is every one of the site, and an empty site the server itself. */
export interface RuleForm {
  name: string;
  site: string;
  kind: RuleKind;
  sensor: string;
  metric: string;
  direction: 'above' | 'below';
  limit: string;
  clearAt: string;
  camera: string;
  agent: string;
  withinDays: string;
  windowHours: string;
  level: 'elevated' | 'high' | 'critical';
  forMinutes: string;
  clearMinutes: string;
  severity: Severity;
  snapshotCamera: string;
  channels: string[];
}

/** What the parts of the editor get. */
export interface RuleFieldsProps {
  form: RuleForm;
  change: (changes: Partial<RuleForm>) => void;
}

const MINUTE_MS = 60_000;
const HOURS_A_DAY = 24;
const CLEAR_MIN_MS = 10_000;
const SITE_KINDS: readonly RuleKind[] = [
  'threshold',
  'missing',
  'camera-offline',
  'agent-offline',
  'disk-forecast',
];
const SERVER_KINDS: readonly RuleKind[] = ['pressure', 'disk-forecast'];

export function kindsOf(site: string): readonly RuleKind[] {
  return site === '' ? SERVER_KINDS : SITE_KINDS;
}

export function emptyForm(site: string): RuleForm {
  return {
    name: '',
    site,
    kind: kindsOf(site)[0] ?? 'threshold',
    sensor: '',
    metric: '',
    direction: 'above',
    limit: '',
    clearAt: '',
    camera: '',
    agent: '',
    withinDays: '3',
    windowHours: '24',
    level: 'high',
    forMinutes: '5',
    clearMinutes: '1',
    severity: 'warning',
    snapshotCamera: '',
    channels: [],
  };
}

export function formOf(rule: Rule): RuleForm {
  const { name, site, severity, channels, condition, forMs, clearMs, snapshotCamera } = rule;
  return {
    ...emptyForm(site ?? ''),
    name,
    severity,
    channels,
    kind: condition.kind,
    forMinutes: String(forMs / MINUTE_MS),
    clearMinutes: String(clearMs / MINUTE_MS),
    snapshotCamera: snapshotCamera ?? '',
    ...partsOf(condition),
  };
}

function partsOf(condition: RuleCondition): Partial<RuleForm> {
  switch (condition.kind) {
    case 'threshold': {
      const { sensor, metric, direction, limit, clearAt } = condition;
      return { sensor: sensor ?? '', metric, direction, limit: String(limit), clearAt: String(clearAt) };
    }
    case 'missing':
      return { sensor: condition.sensor ?? '', metric: condition.metric ?? '' };
    case 'camera-offline':
      return { camera: condition.camera ?? '' };
    case 'agent-offline':
      return { agent: condition.agent ?? '' };
    case 'disk-forecast':
      return {
        agent: condition.agent ?? '',
        withinDays: String(condition.withinHours / HOURS_A_DAY),
        windowHours: String(condition.windowHours),
      };
    case 'pressure':
      return { level: condition.level };
  }
}

/** @returns the rule, or what is wrong with the form. */
export function draftOf(form: RuleForm): { draft: Omit<RuleDraft, 'enabled'> } | { problem: TextKey } {
  const [forMinutes, clearMinutes] = [numberIn(form.forMinutes), numberIn(form.clearMinutes)];
  if (form.name.trim() === '') return { problem: 'alerts.problem.name' };
  if (forMinutes === undefined || clearMinutes === undefined || forMinutes < 0 || clearMinutes < 0)
    return { problem: 'alerts.problem.minutes' };
  const condition = conditionOf(form);
  if (typeof condition === 'string') return { problem: condition };
  if (condition.kind === 'missing' && forMinutes * MINUTE_MS < CLEAR_MIN_MS)
    return { problem: 'alerts.problem.minutes' };
  return {
    draft: {
      name: form.name.trim(),
      site: form.site === '' ? null : form.site,
      severity: form.severity,
      condition,
      forMs: Math.round(forMinutes * MINUTE_MS),
      clearMs: Math.max(CLEAR_MIN_MS, Math.round(clearMinutes * MINUTE_MS)),
      channels: form.channels,
      snapshotCamera: form.site === '' ? null : named(form.snapshotCamera),
    },
  };
}

function conditionOf(form: RuleForm): RuleCondition | TextKey {
  const { kind } = form;
  switch (kind) {
    case 'threshold':
      return thresholdOf(form);
    case 'missing':
      return { kind, sensor: named(form.sensor), metric: named(form.metric) };
    case 'camera-offline':
      return { kind, camera: named(form.camera) };
    case 'agent-offline':
      return { kind, agent: named(form.agent) };
    case 'disk-forecast': {
      const days = numberIn(form.withinDays);
      if (days === undefined || days <= 0) return 'alerts.problem.days';
      const agent = form.site === '' ? null : named(form.agent);
      return { kind, agent, withinHours: days * HOURS_A_DAY, windowHours: Number(form.windowHours) };
    }
    case 'pressure':
      return { kind, level: form.level };
  }
}

/** Left empty, it is over where it began. */
function thresholdOf(form: RuleForm): RuleCondition | TextKey {
  const { sensor, direction } = form;
  const metric = form.metric.trim();
  const limit = numberIn(form.limit);
  const clearAt = form.clearAt.trim() === '' ? limit : numberIn(form.clearAt);
  if (metric === '') return 'alerts.problem.metric';
  if (limit === undefined || clearAt === undefined) return 'alerts.problem.limit';
  if (direction === 'above' ? clearAt > limit : clearAt < limit) return 'alerts.problem.clearAt';
  return { kind: 'threshold', sensor: named(sensor), metric, direction, limit, clearAt };
}

/** A comma is a decimal point where people write it so. */
function numberIn(text: string): number | undefined {
  const value = Number(text.trim().replace(',', '.'));
  return text.trim() === '' || !Number.isFinite(value) ? undefined : value;
}

const named = (text: string): string | null => (text.trim() === '' ? null : text.trim());
