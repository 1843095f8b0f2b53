// Who sees what: login page, or the shell with the page of the address.

import { useEffect } from 'react';
import { Link, Route, Switch } from 'wouter';
import { AlertsPage } from './alerts/alerts-page.tsx';
import { DevicesPage } from './devices/devices-page.tsx';
import { CameraPage } from './live/camera-page.tsx';
import { LivePage } from './live/live-page.tsx';
import { LoginPage } from './login/login-page.tsx';
import { ReportsPage } from './reports/reports-page.tsx';
import { SensorsPage } from './sensors/sensors-page.tsx';
import { Shell } from './shell/shell.tsx';
import { SnapshotsPage } from './snapshots/snapshots-page.tsx';
import { startFleetSync } from './state/fleet-sync.ts';
import { useMayAct, useText } from './state/hooks.ts';
import { refreshSession, session } from './state/session.ts';
import { useStore } from './state/store.ts';
import { SystemPage } from './system/system-page.tsx';
import { TimelinePage } from './timeline/timeline-page.tsx';
import { Button, Empty } from './ui/primitives.tsx';
import { Toasts } from './ui/toasts.tsx';

export function App() {
  const kind = useStore(session, (current) => current.kind);
  return (
    <>
      {kind === 'anonymous' ? <LoginPage /> : null}
      {kind === 'unreachable' ? <Unreachable /> : null}
      {kind === 'user' ? <SignedIn /> : null}
      <Toasts />
    </>
  );
}

function SignedIn() {
  useEffect(() => startFleetSync(), []);
  const isAdmin = useMayAct('admin');
  return (
    <Shell>
      <Switch>
        <Route path="/" component={LivePage} />
        <Route path="/cameras/:site/:camera">
          {({ site, camera }) => <CameraPage key={`${site}/${camera}`} address={`${site}/${camera}`} />}
        </Route>
        <Route path="/snapshots" component={SnapshotsPage} />
        <Route path="/sensors" component={SensorsPage} />
        <Route path="/timeline" component={TimelinePage} />
        <Route path="/reports" component={ReportsPage} />
        <Route path="/alerts">{() => <AlertsPage tab="alerts" />}</Route>
        <Route path="/alerts/rules">{() => <AlertsPage tab="rules" />}</Route>
        <Route path="/alerts/channels">{() => <AlertsPage tab="channels" />}</Route>
        <Route path="/system" component={SystemPage} />
        {isAdmin ? <Route path="/devices" component={DevicesPage} /> : null}
        <Route component={NotFound} />
      </Switch>
    </Shell>
  );
}

function NotFound() {
  const t = useText();
  return (
    <Empty
      icon="warning"
      title={t('common.notFoundTitle')}
      action={
        <Link href="/" className="button">
          {t('common.backToLive')}
        </Link>
      }
    />
  );
}

function Unreachable() {
  const t = useText();
  useEffect(() => {
    const timer = setInterval(() => void refreshSession(), 5_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <main className="login">
      <Empty
        icon="link"
        title={t('common.networkError')}
        action={<Button onClick={() => void refreshSession()}>{t('common.retry')}</Button>}
      />
    </main>
  );
}
