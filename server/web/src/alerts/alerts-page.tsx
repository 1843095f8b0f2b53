// Alerts: what fires and what did; the rules behind it; who is told.

import { Link } from 'wouter';
import { useMayAct, useText } from '../state/hooks.ts';
import { AlertList } from './alert-list.tsx';
import { ChannelList } from './channel-list.tsx';
import { RuleList } from './rule-list.tsx';
import { SilenceSiteButton, SiteSilences, useSiteSilences } from './site-silences.tsx';

type Tab = 'alerts' | 'rules' | 'channels';
const HREFS: Record<Tab, string> = {
  alerts: '/alerts',
  rules: '/alerts/rules',
  channels: '/alerts/channels',
};

export function AlertsPage({ tab }: { tab: Tab }) {
  const t = useText();
  const isOperator = useMayAct('operator');
  const { maySilence, ...silences } = useSiteSilences();
  const isOfAlerts = tab !== 'channels';
  const tabs: readonly Tab[] = isOperator ? ['alerts', 'rules', 'channels'] : ['alerts', 'rules'];
  return (
    <section aria-labelledby="alerts-title">
      <div className="page-head">
        <div className="page-head__title">
          <h1 id="alerts-title">{t('alerts.title')}</h1>
        </div>
        <div className="page-head__tools">
          {isOfAlerts && maySilence ? <SilenceSiteButton onDone={silences.reread} /> : null}
          <nav className="tabs" aria-label={t('alerts.title')}>
            {tabs.map((one) => (
              <Link
                key={one}
                href={HREFS[one]}
                className="tabs__link"
                aria-current={one === tab ? 'page' : undefined}
              >
                {t(`alerts.tab.${one}`)}
              </Link>
            ))}
          </nav>
        </div>
      </div>
      {isOfAlerts ? <SiteSilences {...silences} /> : null}
      {tab === 'alerts' ? <AlertList /> : null}
      {tab === 'rules' ? <RuleList /> : null}
      {tab === 'channels' && isOperator ? <ChannelList /> : null}
    </section>
  );
}
