// One camera, large: the picture, what is known of the stream, and its latest snapshots.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Camera } from '../api/types.ts';
import { LATEST_CLIPS_READ, LatestClips } from '../clips/latest-clips.tsx';
import { RecordClip } from '../clips/record-clip.tsx';
import { useClips } from '../clips/use-clips.ts';
import { useRecording } from '../clips/use-recording.ts';
import { useRecordsClips } from '../clips/use-records-clips.ts';
import { formatDuration } from '../i18n/format.ts';
import { useFleet, useLanguage, useSiteName, useText } from '../state/hooks.ts';
import { useNow } from '../state/store.ts';
import { LatestSnapshots } from '../snapshots/latest-snapshots.tsx';
import { TakeSnapshot } from '../snapshots/take-snapshot.tsx';
import { Icon } from '../ui/icon.tsx';
import { Button, Empty, Skeleton } from '../ui/primitives.tsx';
import type { StreamState } from './stream-state.ts';
import { StateChip, StreamFigures, StreamView } from './stream-view.tsx';
import { useStream } from './use-stream.ts';
import { mayHavePicture } from './why-black.ts';

export function CameraPage({ address }: { address: string }) {
  const t = useText();
  const camera = useFleet((state) => state.cameras[address]);
  const isLoaded = useFleet((state) => state.isLoaded);
  if (camera !== undefined) return <CameraView camera={camera} address={address} />;
  if (!isLoaded) return <Skeleton className="camera-skeleton" />;
  return (
    <Empty
      icon="live"
      title={t('common.notFoundTitle')}
      action={
        <Link href="/" className="button">
          {t('common.backToLive')}
        </Link>
      }
    />
  );
}

/** iPhones show only a video in full screen. */
interface PhoneVideo {
  webkitEnterFullscreen?: () => void;
}

function CameraView({ camera, address }: { camera: Camera; address: string }) {
  const t = useText();
  const siteName = useSiteName(camera.site);
  const stream = useStream({
    camera: address,
    isAvailable: mayHavePicture(camera),
    isLive: camera.online && camera.state === 'live',
  });
  const recordsClips = useRecordsClips(camera);
  const clips = useClips({ camera: address }, LATEST_CLIPS_READ);
  const recording = useRecording(address, clips);
  const fullScreen = (): void => {
    const { frame, video } = stream;
    if (document.fullscreenEnabled) void frame?.requestFullscreen().catch(() => undefined);
    else (video as PhoneVideo | null)?.webkitEnterFullscreen?.();
  };
  return (
    <div className="overview">
      <section className="overview__main" aria-labelledby="camera-title">
        <div className="page-head">
          <div className="page-head__title page-head__title--back">
            <Link
              href="/"
              className="button button--quiet button--icon"
              aria-label={t('live.back')}
              title={t('live.back')}
            >
              <Icon name="back" />
            </Link>
            <h1 id="camera-title">{camera.name}</h1>
            <span className="muted">{siteName}</span>
          </div>
          <div className="page-head__tools">
            <TakeSnapshot camera={camera} />
            {recordsClips ? <RecordClip camera={camera} recording={recording} /> : null}
            <Button icon="fullscreen" onClick={fullScreen}>
              {t('live.fullscreen')}
            </Button>
          </div>
        </div>
        <article
          className="tile tile--large"
          data-testid="camera-tile"
          data-camera={address}
          aria-label={camera.name}
        >
          <StreamView camera={camera} stream={stream} />
          <div className="tile__caption">
            <StateChip camera={camera} state={stream.state} />
            <p className="tile__line muted">
              <StreamFigures state={stream.state} />
            </p>
          </div>
        </article>
      </section>
      <aside className="overview__side" aria-label={t('live.details')}>
        <section className="card">
          <div className="card__head">
            <h2>{t('live.details')}</h2>
          </div>
          <Details camera={camera} state={stream.state} />
        </section>
        {recordsClips || clips.clips.length > 0 ? (
          <LatestClips camera={address} list={clips} refusal={recording.refusal} />
        ) : null}
        <LatestSnapshots camera={address} />
      </aside>
    </div>
  );
}

function Details({ camera, state }: { camera: Camera; state: StreamState }) {
  const t = useText();
  const language = useLanguage();
  const now = useNow();
  const size = camera.width === null ? undefined : `${camera.width} × ${camera.height}`;
  const offered = (profile: Camera['profiles'][number]): string => {
    const name = t(`live.profile.${profile}`);
    return camera.encoded?.includes(profile) === true ? t('live.encoded', { name }) : name;
  };
  const rows: [string, ReactNode][] = [
    [t('live.detail.size'), size],
    [t('live.detail.fps'), camera.fps === null ? undefined : Math.round(camera.fps * 10) / 10],
    [t('live.detail.codec'), camera.codec],
    [t('live.detail.profiles'), camera.profiles.map(offered).join(', ')],
    [t('live.detail.limitedBy'), camera.limitedBy && t(`live.limitedBy.${camera.limitedBy}`)],
    [t('live.detail.agent'), camera.agent],
    [
      t('live.detail.since'),
      camera.since === null ? undefined : formatDuration(now - Date.parse(camera.since), language),
    ],
    [
      t('live.detail.buffer'),
      state.phase === 'playing' ? `${Math.round(state.bufferedMs / 10) * 10} ms` : undefined,
    ],
  ];
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="numeric">{value ?? '–'}</dd>
        </div>
      ))}
    </dl>
  );
}
