// The newest snapshots in the side column: of all cameras of the site, or of one.

import { useMemo, useState } from 'react';
import { Link } from 'wouter';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useSite, useText } from '../state/hooks.ts';
import { Skeleton } from '../ui/primitives.tsx';
import { SnapshotDialog } from './snapshot-dialog.tsx';
import { SnapshotThumb } from './snapshot-thumb.tsx';
import { useCameraSnapshots } from './use-snapshots.ts';

const SHOWN = 6;

export function LatestSnapshots({ camera }: { camera?: string }) {
  const t = useText();
  const site = useSite();
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  const everywhere = useFleet((state) => state.snapshots);
  const ofCamera = useCameraSnapshots(camera, SHOWN);
  const isLoaded = useFleet((state) => state.isLoaded);
  const shown = useMemo(() => {
    const all = camera === undefined ? everywhere : ofCamera;
    return all
      .filter((one) =>
        camera === undefined
          ? site === undefined || one.site === site
          : keyOf(one.site, one.camera) === camera,
      )
      .slice(0, SHOWN);
  }, [camera, everywhere, ofCamera, site]);
  return (
    <section className="card">
      <div className="card__head">
        <h2>{t('snapshots.latest')}</h2>
        <Link
          href={camera === undefined ? '/snapshots' : `/snapshots?camera=${encodeURIComponent(camera)}`}
          className="card__link"
        >
          {t('snapshots.all')}
        </Link>
      </div>
      <div className="card__body">
        {shown.length > 0 ? (
          <div className="thumbs thumbs--small">
            {shown.map((snapshot) => (
              <SnapshotThumb key={snapshot.id} snapshot={snapshot} onOpen={() => setOpenId(snapshot.id)} />
            ))}
          </div>
        ) : isLoaded ? (
          <p className="muted">{t('snapshots.emptyText')}</p>
        ) : (
          <Skeleton className="thumbs-skeleton" />
        )}
      </div>
      {openId === undefined ? null : (
        <SnapshotDialog
          snapshots={shown}
          openId={openId}
          onOpen={setOpenId}
          onClose={() => setOpenId(undefined)}
        />
      )}
    </section>
  );
}
