// What is said of an alert: as JSON for programs, as text for people.

import type { AlertMessage } from '@sitecast/shared/protocol/alert-message';
import { sentencesOfAlert, type Sentences } from '../sentences.ts';
import type { Language } from './channel.ts';
import type { Letter } from './delivery-store.ts';

/** Of the JSON; a new field does not change it. */
const VERSION = 1;

const TEST: Sentences = {
  message: 'This is a test: the channel works.',
  messageKo: '테스트 메시지입니다. 알림 채널이 정상입니다.',
};

/** The body of a webhook, and of a message to a device (PROTOCOL.md, PR-64). */
export function jsonOf(letter: Letter, publicUrl: URL | undefined): string {
  const { id, event, ruleName, site, alert } = letter;
  const message: AlertMessage = {
    version: VERSION,
    id,
    event,
    site,
    rule: { id: alert?.ruleId ?? null, name: ruleName },
    ...sentencesOf(letter),
    alert: alert && {
      id: alert.id,
      kind: alert.kind,
      subject: alert.subject,
      severity: alert.severity,
      state: alert.state,
      value: alert.value,
      unit: alert.unit,
      reason: alert.reason,
      firedAt: alert.firedAt.toISOString(),
      resolvedAt: alert.resolvedAt?.toISOString() ?? null,
      snapshotId: alert.snapshotId,
    },
    url: publicUrl === undefined ? null : new URL('/alerts', publicUrl).href,
  };
  return JSON.stringify(message);
}

const WORDS = {
  en: {
    firing: 'Alert',
    resolved: 'Resolved',
    test: 'Test',
    rule: 'Rule',
    site: 'Site',
    server: 'server',
    firedAt: 'Since',
    resolvedAt: 'Until',
  },
  ko: {
    firing: '경보',
    resolved: '해제',
    test: '테스트',
    rule: '규칙',
    site: '현장',
    server: '서버',
    firedAt: '발생',
    resolvedAt: '해제',
  },
} as const satisfies Record<Language, Record<string, string>>;

export function mailOf(letter: Letter, publicUrl: URL | undefined): { subject: string; text: string } {
  const { event, ruleName, site, alert, channel } = letter;
  const words = WORDS[channel.language];
  const { message, messageKo } = sentencesOf(letter);
  const sentence = channel.language === 'ko' ? messageKo : message;
  const lines = [
    sentence,
    '',
    `${words.rule}: ${ruleName}`,
    `${words.site}: ${site ?? words.server}`,
    ...(alert ? [`${words.firedAt}: ${alert.firedAt.toISOString()}`] : []),
    ...(alert?.resolvedAt ? [`${words.resolvedAt}: ${alert.resolvedAt.toISOString()}`] : []),
    ...(publicUrl ? ['', new URL('/alerts', publicUrl).href] : []),
  ];
  const subject = `[Sitecast] ${words[event]}: ${site ?? words.server}: ${ruleName}`.replace(/\s+/g, ' ');
  return { subject, text: `${lines.join('\n')}\n` };
}

function sentencesOf({ alert }: Letter): Sentences {
  return alert === null ? TEST : sentencesOfAlert(alert);
}
