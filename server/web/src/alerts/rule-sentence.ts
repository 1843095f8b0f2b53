// A rule in one sentence.

import type { Rule, RuleCondition } from '../api/alert-types.ts';
import { formatDuration, formatValue } from '../i18n/format.ts';
import { useSeriesName } from '../sensors/series-name.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useLanguage, useText, type Translate } from '../state/hooks.ts';
import type { Language } from '../i18n/language.ts';

const HOUR_MS = 3_600_000;

export function useRuleSentence(): (rule: Rule) => string {
  const t = useText();
  const language = useLanguage();
  const nameSeries = useSeriesOf();
  return ({ site, condition, forMs }) => {
    const what = conditionSentence(condition, nameSeries(site), t, language);
    if (condition.kind === 'missing')
      return t('alerts.when.missing', { what, duration: formatDuration(forMs, language) });
    return forMs === 0 ? what : t('alerts.when.for', { what, duration: formatDuration(forMs, language) });
  };
}

interface NamedSeries {
  sensor: string;
  metric: string;
  unit: string;
}
type NameSeries = (sensor: string | null, metric: string) => NamedSeries;

/** In the words of the page, as far as the series is known. */
function useSeriesOf(): (site: string | null) => NameSeries {
  const t = useText();
  const seriesName = useSeriesName();
  const sensors = useFleet((state) => state.sensors);
  const latest = useFleet((state) => state.latest);
  return (site) => (sensor, metric) => {
    if (site === null || sensor === null)
      return {
        sensor: t('alerts.every.sensor'),
        metric: seriesName({ metric, label: null }),
        unit: '',
      };
    const { label = null, unit = null } = latest[keyOf(site, sensor, metric)] ?? {};
    return {
      sensor: sensors[keyOf(site, sensor)]?.name ?? sensor,
      metric: seriesName({ metric, label }),
      unit: unit === null ? '' : ` ${unit}`,
    };
  };
}

function conditionSentence(
  condition: RuleCondition,
  nameSeries: NameSeries,
  t: Translate,
  language: Language,
): string {
  switch (condition.kind) {
    case 'threshold': {
      const { direction, limit } = condition;
      const { sensor, metric, unit } = nameSeries(condition.sensor, condition.metric);
      const values = { sensor, metric, limit: `${formatValue(limit, language)}${unit}` };
      return t(`alerts.when.${direction}`, values);
    }
    case 'missing': {
      const { sensor, metric } = nameSeries(condition.sensor, condition.metric ?? '');
      return condition.metric === null ? sensor : `${sensor} · ${metric}`;
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
