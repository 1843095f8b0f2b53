// What the HTTP API answers of rules, alerts and channels.

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];
export const FORECAST_WINDOWS_HOURS = [6, 24, 72, 168] as const;
export const PRESSURES = ['elevated', 'high', 'critical'] as const;

/** `null` in the place of a name is every one of the site. */
export type RuleCondition =
  | {
      kind: 'threshold';
      sensor: string | null;
      metric: string;
      direction: 'above' | 'below';
      limit: number;
      clearAt: number;
    }
  | { kind: 'missing'; sensor: string | null; metric: string | null }
  | { kind: 'camera-offline'; camera: string | null }
  | { kind: 'agent-offline'; agent: string | null }
  | { kind: 'disk-forecast'; agent: string | null; withinHours: number; windowHours: number }
  | { kind: 'pressure'; level: (typeof PRESSURES)[number] };
export type RuleKind = RuleCondition['kind'];

export interface RuleDraft {
  /** Null: the server itself. */
  site: string | null;
  name: string;
  severity: Severity;
  enabled: boolean;
  condition: RuleCondition;
  forMs: number;
  clearMs: number;
  channels: string[];
  snapshotCamera: string | null;
}

export type RuleState = 'ok' | 'pending' | 'firing';

export interface Rule extends RuleDraft {
  id: string;
  silencedUntil: string | null;
  silencedBy: string | null;
  state: RuleState;
  subjects: { subject: string; state: RuleState; since: string; alertId: string | null }[];
}

/** A site of whose new alerts nobody is told before then. */
export interface SiteSilence {
  site: string;
  until: string;
  by: string;
}

export interface Alert {
  id: string;
  /** Null: the rule was removed. */
  ruleId: string | null;
  ruleName: string;
  site: string | null;
  kind: RuleKind;
  subject: string;
  severity: Severity;
  state: 'firing' | 'resolved';
  message: string;
  messageKo: string;
  firedAt: string;
  resolvedAt: string | null;
  endReason: 'cleared' | 'rule-changed' | 'rule-removed' | 'subject-gone' | null;
  acknowledged: { at: string; by: string; note: string | null } | null;
  snapshotId: string | null;
}

export type ChannelSettings =
  { kind: 'webhook'; url: string } | { kind: 'email'; to: string[] } | { kind: 'mqtt'; device: string };
export type ChannelKind = ChannelSettings['kind'];

export interface ChannelDraft {
  site: string | null;
  name: string;
  enabled: boolean;
  language: 'en' | 'ko';
  settings: ChannelSettings;
  /** Left out: as it was. */
  secret?: string | null;
}

export interface Channel {
  id: string;
  site: string | null;
  name: string;
  enabled: boolean;
  language: 'en' | 'ko';
  kind: ChannelKind;
  /** Null for those who may not change it. */
  settings: ChannelSettings | null;
  hasSecret: boolean;
}

export interface Delivery {
  id: string;
  channelName: string;
  ruleName: string;
  site: string | null;
  event: 'firing' | 'resolved' | 'test';
  state: 'waiting' | 'sent' | 'dead';
  attempts: number;
  error: { code: string; message: string; messageKo: string; detail: string | null } | null;
  createdAt: string;
}
