// A rule in one sentence.

import type { Rule, RuleCondition } from '../api/alert-types.ts';
import { formatDuration, formatValue } from '../i18n/format.ts';
import { useLanguage, useText, type Translate } from '../state/hooks.ts';
import type { Language } from '../i18n/language.ts';

const HOUR_MS = 3_600_000;

export function useRuleSentence(): (rule: Rule) => string {
  const t = useText();
  const language = useLanguage();
  return ({ condition, forMs }) => {
    const what = conditionSentence(condition, t, language);
    if (condition.kind === 'missing')
      return t('alerts.when.missing', { what, duration: formatDuration(forMs, language) });
    return forMs === 0 ? what : t('alerts.when.for', { what, duration: formatDuration(forMs, language) });
  };
}

function conditionSentence(condition: RuleCondition, t: Translate, language: Language): string {
  switch (condition.kind) {
    case 'threshold': {
      const { sensor, metric, direction, limit } = condition;
      const values = {
        sensor: sensor ?? t('alerts.every.sensor'),
        metric,
        limit: formatValue(limit, language),
      };
      return t(`alerts.when.${direction}`, values);
    }
    case 'missing': {
      const sensor = condition.sensor ?? t('alerts.every.sensor');
      return condition.metric === null ? sensor : `${sensor}/${condition.metric}`;
    }
    case 'camera-offline':
      return t('alerts.when.camera', { camera: condition.camera ?? t('alerts.every.camera') });
    case 'agent-offline':
      return t('alerts.when.agent', { agent: condition.agent ?? t('alerts.every.agent') });
    case 'disk-forecast':
      return t('alerts.when.disk', {
        duration: formatDuration(condition.withinHours * HOUR_MS, language),
      });
    case 'pressure':
      return t('alerts.when.pressure', { level: t(`system.level.${condition.level}`) });
  }
}
