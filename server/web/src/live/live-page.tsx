// The first page: all cameras of the chosen site, and beside them what the server carries, the newest values and snapshots.

import { useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { keyOf } from '../state/fleet.ts';
import { useCameras, useFleet, useMayAct, useSite, useText } from '../state/hooks.ts';
import { SensorList } from '../sensors/sensor-list.tsx';
import { LatestSnapshots } from '../snapshots/latest-snapshots.tsx';
import { SystemCard } from '../system/system-card.tsx';
import type { Camera } from '../api/types.ts';
import { Empty, Skeleton } from '../ui/primitives.tsx';
import { announce } from '../ui/toasts.tsx';
import { CameraTile } from './camera-tile.tsx';

export function LivePage() {
  const t = useText();
  const cameras = useCameras();
  const isLoaded = useFleet((state) => state.isLoaded);
  useStateAnnouncements(cameras);
  const live = cameras.filter(({ online, state }) => online && state === 'live').length;
  return (
    <div className="overview">
      <section className="overview__main" aria-labelledby="live-title">
        <div className="page-head">
          <div className="page-head__title">
            <h1 id="live-title">{t('live.title')}</h1>
            {isLoaded && cameras.length > 0 ? (
              <span className="muted numeric">{t('live.camerasLive', { live, n: cameras.length })}</span>
            ) : null}
          </div>
        </div>
        {isLoaded ? <Grid cameras={cameras} /> : <LoadingGrid />}
      </section>
      <aside className="overview__side" aria-label={t('system.title')}>
        <SystemCard />
        <SensorList />
        <LatestSnapshots />
      </aside>
    </div>
  );
}

function Grid({ cameras }: { cameras: Camera[] }) {
  if (cameras.length === 0) return <NoCamera />;
  return (
    <div className={`tiles tiles--${Math.min(cameras.length, 5)}`}>
      {cameras.map((camera) => (
        <CameraTile key={keyOf(camera.site, camera.id)} camera={camera} />
      ))}
    </div>
  );
}

function NoCamera() {
  const t = useText();
  const site = useSite();
  const isAdmin = useMayAct('admin');
  const hasOthers = useFleet((state) => Object.keys(state.cameras).length > 0);
  return (
    <Empty
      icon="live"
      title={t('live.emptyTitle')}
      action={
        isAdmin ? (
          <Link href="/devices" className="button button--primary">
            {t('live.emptyAction')}
          </Link>
        ) : undefined
      }
    >
      {site !== undefined && hasOthers ? t('live.emptySite') : t('live.emptyText')}
    </Empty>
  );
}

function LoadingGrid() {
  const t = useText();
  return (
    <div className="tiles tiles--4" role="status" aria-label={t('common.loading')}>
      {['a', 'b', 'c', 'd'].map((key) => (
        <Skeleton key={key} className="tile-skeleton" />
      ))}
    </div>
  );
}

/** Reads out when a camera changes its state, not how it stands at first. */
function useStateAnnouncements(cameras: Camera[]): void {
  const t = useText();
  const known = useRef(new Map<string, string>());
  useEffect(() => {
    for (const camera of cameras) {
      const key = keyOf(camera.site, camera.id);
      const state = camera.online ? camera.state : 'offline';
      const before = known.current.get(key);
      known.current.set(key, state);
      if (before !== undefined && before !== state) announce(`${camera.name}: ${t(`state.${state}`)}`);
    }
  }, [cameras, t]);
}
