// How many alerts fire, beside the name of their page.

import { useCallback } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import { useFleet, useSite, useText } from '../state/hooks.ts';
import { useReread } from './use-reread.ts';

const COUNTED_MAX = 100;

export function FiringBadge() {
  const t = useText();
  const site = useSite();
  const changes = useFleet(({ alertChanges }) => alertChanges);
  const read = useCallback(() => alertApi.alerts({ site, state: 'firing', limit: COUNTED_MAX }), [site]);
  const { value } = useReread(read, changes);
  const count = value?.items.length ?? 0;
  if (count === 0) return null;
  return (
    <span className="nav__badge numeric" data-testid="firing-badge">
      <span aria-hidden="true">{value?.nextCursor === null ? count : `${COUNTED_MAX}+`}</span>
      <span className="visually-hidden">{t('alerts.firingCount', { n: count })}</span>
    </span>
  );
}
