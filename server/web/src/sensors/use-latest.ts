// The newest value of each series of the chosen site, in a steady order.

import { useMemo } from 'react';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { useFleet, useSite } from '../state/hooks.ts';

export function useLatestValues(): LatestValue[] {
  const latest = useFleet((state) => state.latest);
  const site = useSite();
  return useMemo(
    () =>
      Object.entries(latest)
        .filter(([, value]) => site === undefined || value.site === site)
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([, value]) => value),
    [latest, site],
  );
}
