// Metrics that people know by a name in their language; others keep the name that the device gave.

import { isTextKey } from '../i18n/language.ts';
import { useText } from '../state/hooks.ts';

export function useMetricName(): (metric: string) => string {
  const t = useText();
  return (metric) => {
    const key = `metric.${metric.toLowerCase()}`;
    return isTextKey(key) ? t(key) : metric;
  };
}
