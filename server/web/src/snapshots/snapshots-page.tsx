// What cameras have recorded, newest first, of every camera or one: pictures or clips.

import { useSearchParams } from 'wouter';
import { ClipGrid } from '../clips/clip-grid.tsx';
import { keyOf } from '../state/fleet.ts';
import { useCameras, useFleet, useText } from '../state/hooks.ts';
import { Segments } from '../ui/primitives.tsx';
import { SnapshotGrid } from './snapshot-grid.tsx';
import { TakeSnapshot } from './take-snapshot.tsx';

type Shown = 'pictures' | 'clips';

export function SnapshotsPage() {
  const t = useText();
  const [search, setSearch] = useSearchParams();
  const camera = search.get('camera') ?? undefined;
  const shown: Shown = search.get('show') === 'clips' ? 'clips' : 'pictures';
  const chosen = useFleet((state) => (camera === undefined ? undefined : state.cameras[camera]));
  const choose = (change: { camera?: string | undefined; show?: Shown }): void => {
    const next = { camera, show: shown, ...change };
    setSearch(
      {
        ...(next.camera === undefined ? {} : { camera: next.camera }),
        ...(next.show === 'clips' ? { show: next.show } : {}),
      },
      { replace: true },
    );
  };

  return (
    <section aria-labelledby="snapshots-title">
      <div className="page-head">
        <h1 id="snapshots-title">{t(shown === 'clips' ? 'clips.title' : 'snapshots.title')}</h1>
        <div className="page-head__tools">
          <Segments<Shown>
            label={t('clips.show')}
            value={shown}
            options={[
              { value: 'pictures', label: t('clips.show.pictures') },
              { value: 'clips', label: t('clips.show.clips') },
            ]}
            onChoose={(show) => choose({ show })}
          />
          <CameraFilter value={camera} onChoose={(value) => choose({ camera: value })} />
          {chosen === undefined || shown === 'clips' ? null : <TakeSnapshot camera={chosen} />}
        </div>
      </div>
      {shown === 'clips' ? <ClipGrid camera={camera} /> : <SnapshotGrid camera={camera} />}
    </section>
  );
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
