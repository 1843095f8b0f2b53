// All snapshots, newest first, of every camera or one.

import { useState } from 'react';
import { useSearchParams } from 'wouter';
import type { Snapshot } from '../api/types.ts';
import { formatLongDay } from '../i18n/format.ts';
import type { Language } from '../i18n/language.ts';
import { keyOf } from '../state/fleet.ts';
import { useCameras, useErrorSentence, useFleet, useLanguage, useSite, useText } from '../state/hooks.ts';
import { Button, Empty, Message, Skeleton } from '../ui/primitives.tsx';
import { SnapshotDialog } from './snapshot-dialog.tsx';
import { SnapshotThumb } from './snapshot-thumb.tsx';
import { TakeSnapshot } from './take-snapshot.tsx';
import { useSnapshotList } from './use-snapshots.ts';

export function SnapshotsPage() {
  const t = useText();
  const sentence = useErrorSentence();
  const site = useSite();
  const language = useLanguage();
  const [search, setSearch] = useSearchParams();
  const camera = search.get('camera') ?? undefined;
  const chosen = useFleet((state) => (camera === undefined ? undefined : state.cameras[camera]));
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  const { items, isLoaded, failure, readMore } = useSnapshotList(camera);
  const shown = items.filter((one) => camera !== undefined || site === undefined || one.site === site);

  return (
    <section aria-labelledby="snapshots-title">
      <div className="page-head">
        <h1 id="snapshots-title">{t('snapshots.title')}</h1>
        <div className="page-head__tools">
          <CameraFilter
            value={camera}
            onChoose={(value) => setSearch(value === undefined ? {} : { camera: value }, { replace: true })}
          />
          {chosen === undefined ? null : <TakeSnapshot camera={chosen} />}
        </div>
      </div>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {!isLoaded && failure === undefined ? <LoadingThumbs /> : null}
      {isLoaded && shown.length === 0 ? (
        <Empty icon="snapshots" title={t('snapshots.emptyTitle')}>
          {t('snapshots.emptyText')}
        </Empty>
      ) : null}
      <div data-testid="snapshot-grid">
        {daysOf(shown, language).map(([day, snapshots]) => (
          <section key={day} aria-label={day}>
            <h2 className="day">{day}</h2>
            <div className="thumbs">
              {snapshots.map((snapshot) => (
                <SnapshotThumb key={snapshot.id} snapshot={snapshot} onOpen={() => setOpenId(snapshot.id)} />
              ))}
            </div>
          </section>
        ))}
      </div>
      {readMore === undefined ? null : (
        <div className="more">
          <Button onClick={readMore}>{t('common.more')}</Button>
        </div>
      )}
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

/** Days in the order of the list, each with its snapshots. */
function daysOf(snapshots: Snapshot[], language: Language): [day: string, snapshots: Snapshot[]][] {
  const days = new Map<string, Snapshot[]>();
  for (const snapshot of snapshots) {
    const day = formatLongDay(snapshot.capturedAt, language);
    days.set(day, [...(days.get(day) ?? []), snapshot]);
  }
  return [...days];
}

function CameraFilter({
  value,
  onChoose,
}: {
  value: string | undefined;
  onChoose: (camera: string | undefined) => void;
}) {
  const t = useText();
  const cameras = useCameras();
  return (
    <select
      className="select camera-filter"
      aria-label={t('snapshots.camera')}
      value={value ?? ''}
      onChange={(event) => onChoose(event.target.value === '' ? undefined : event.target.value)}
    >
      <option value="">{t('snapshots.allCameras')}</option>
      {cameras.map((camera) => (
        <option key={keyOf(camera.site, camera.id)} value={keyOf(camera.site, camera.id)}>
          {camera.name}
        </option>
      ))}
    </select>
  );
}

function LoadingThumbs() {
  const t = useText();
  return (
    <div className="thumbs" role="status" aria-label={t('common.loading')}>
      {Array.from({ length: 12 }, (_, index) => (
        <Skeleton key={index} className="thumb-skeleton" />
      ))}
    </div>
  );
}
