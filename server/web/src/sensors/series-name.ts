// The name of a series beside that of its sensor: as its device calls it; else a word of the reader's language for what people know;
// else as the metric is called.

import { isTextKey } from '../i18n/language.ts';
import { useText } from '../state/hooks.ts';

export function useSeriesName(): (series: { metric: string; label: string | null }) => string {
  const t = useText();
  return ({ metric, label }) => {
    const key = `metric.${metric.toLowerCase()}`;
    return label ?? (isTextKey(key) ? t(key) : metric);
  };
}
