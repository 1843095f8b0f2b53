// The frame of every page: top bar, navigation (below on a phone), the page itself.

import { useEffect, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import type { TextKey } from '../i18n/en.ts';
import { useFleet, useMayAct, useText } from '../state/hooks.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import { FiringBadge } from '../alerts/firing-badge.tsx';
import { AccountMenu } from './account-menu.tsx';
import { Brand } from './brand.tsx';
import { SiteChoice } from './choices.tsx';

const PAGES: readonly { href: string; text: TextKey; icon: IconName; isForAdmin?: true }[] = [
  { href: '/', text: 'nav.live', icon: 'live' },
  { href: '/snapshots', text: 'nav.snapshots', icon: 'snapshots' },
  { href: '/sensors', text: 'nav.sensors', icon: 'sensors' },
  { href: '/timeline', text: 'nav.timeline', icon: 'timeline' },
  { href: '/reports', text: 'nav.reports', icon: 'reports' },
  { href: '/alerts', text: 'nav.alerts', icon: 'alerts' },
  { href: '/system', text: 'nav.system', icon: 'system' },
  { href: '/devices', text: 'nav.devices', icon: 'devices', isForAdmin: true },
];

export function Shell({ children }: { children: ReactNode }) {
  const t = useText();
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {t('nav.skip')}
      </a>
      <header className="bar">
        <Link href="/" className="bar__brand">
          <Brand />
        </Link>
        <Navigation />
        <div className="bar__tools">
          <UpdatesState />
          <SiteChoice />
          <AccountMenu />
        </div>
      </header>
      <main id="content" className="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

const isCurrent = (href: string, path: string): boolean =>
  href === '/' ? path === '/' || path.startsWith('/cameras/') : path.startsWith(href);

function Navigation() {
  const t = useText();
  const isAdmin = useMayAct('admin');
  const [path] = useLocation();
  const here = PAGES.find(({ href }) => isCurrent(href, path));
  const title = here === undefined ? 'Sitecast' : `${t(here.text)} · Sitecast`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <nav className="nav" aria-label={t('nav.main')}>
      {PAGES.filter(({ isForAdmin }) => isForAdmin !== true || isAdmin).map(({ href, text, icon }) => {
        return (
          <Link
            key={href}
            href={href}
            className="nav__link"
            aria-current={isCurrent(href, path) ? 'page' : undefined}
          >
            <Icon name={icon} />
            <span>{t(text)}</span>
            {href === '/alerts' ? <FiringBadge /> : null}
          </Link>
        );
      })}
    </nav>
  );
}

function UpdatesState() {
  const t = useText();
  const connection = useFleet((state) => state.connection);
  const words = t(`shell.updates.${connection}`);
  return (
    <span
      className={`updates updates--${connection}`}
      role="status"
      title={t('shell.updates.hint', { state: words })}
      data-testid="updates-state"
      data-state={connection}
    >
      <span className="updates__dot" aria-hidden="true" />
      <span className="updates__text">{words}</span>
    </span>
  );
}
