// The name of a site, or that it is about the server itself.

import { useSiteName, useText } from '../state/hooks.ts';

export function SiteName({ site }: { site: string | null }) {
  const t = useText();
  const name = useSiteName(site ?? '');
  return <>{site === null ? t('alerts.server') : name}</>;
}
