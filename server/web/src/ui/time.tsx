// Times that stay right while they are looked at.

import { formatAge, formatDateTime } from '../i18n/format.ts';
import { useLanguage, useText } from '../state/hooks.ts';
import { useNow } from '../state/store.ts';

/** "3 min ago", with the full time as a hint. */
export function Age({ at }: { at: string | null | undefined }) {
  const language = useLanguage();
  const t = useText();
  const now = useNow();
  if (at === null || at === undefined) return <span>{t('common.never')}</span>;
  return (
    <time className="numeric" dateTime={at} title={formatDateTime(at, language)}>
      {formatAge(now - Date.parse(at), language)}
    </time>
  );
}
