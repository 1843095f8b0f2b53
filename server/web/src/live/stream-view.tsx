// One camera's picture with what lies over it: a notice, and why there is none; and the chip and figures that stand beside it.

import type { ReactNode } from 'react';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import { thumbnailUrl } from '../api/endpoints.ts';
import type { Camera } from '../api/types.ts';
import { formatLatency } from '../i18n/format.ts';
import { useLanguage, useText, type Translate } from '../state/hooks.ts';
import { Icon } from '../ui/icon.tsx';
import { Button, Chip, type Tone } from '../ui/primitives.tsx';
import type { StreamNotice, StreamState } from './stream-state.ts';
import type { Stream } from './use-stream.ts';
import { isUploadsOnly, whyBlack, type BlackReason } from './why-black.ts';

type ShownState = 'live' | 'connecting' | 'waiting' | 'failed' | 'stopped' | 'offline' | 'paused';

const TONES: Record<ShownState, Tone> = {
  live: 'ok',
  connecting: 'info',
  waiting: 'warn',
  failed: 'bad',
  stopped: 'idle',
  offline: 'idle',
  paused: 'idle',
};

/** What the chip says: the camera's state, and while that is live, how far this page has come. */
function shownState(camera: Camera, stream: StreamState): ShownState {
  if (!camera.online && !isUploadsOnly(camera)) return 'offline';
  if (camera.state !== 'live') return camera.state;
  if (stream.phase === 'playing') return 'live';
  if (stream.phase === 'retrying') return stream.error === undefined ? 'connecting' : 'waiting';
  return stream.phase === 'idle' ? 'paused' : 'connecting';
}

type PictureElement = 'video' | 'canvas' | 'image';

function elementOf(profile: Profile | undefined): PictureElement {
  if (profile === 'stills') return 'image';
  return profile === 'mpeg1' ? 'canvas' : 'video';
}

export function StreamView({
  camera,
  stream,
  children,
}: {
  camera: Camera;
  stream: Stream;
  children?: ReactNode;
}) {
  const t = useText();
  // Taken apart so that the rule on refs sees that only callbacks are used here.
  const { state, attachFrame, attachVideo, attachCanvas, attachImage, play, retry } = stream;
  const black = whyBlack(camera, state);
  const shown = state.phase === 'playing' ? elementOf(state.profile) : undefined;
  const classOf = (element: PictureElement): string =>
    shown === element ? 'stage__picture' : 'stage__picture stage__picture--hidden';
  return (
    <div className="stage" ref={attachFrame} data-phase={state.phase}>
      {camera.lastSnapshot === null || shown !== undefined ? null : (
        <img className="stage__poster" src={thumbnailUrl(camera.lastSnapshot.id)} alt="" />
      )}
      <video
        ref={attachVideo}
        className={classOf('video')}
        data-testid="live-video"
        aria-label={t('live.videoOf', { name: camera.name })}
        muted
        autoPlay
        playsInline
        disablePictureInPicture
      />
      <canvas
        ref={attachCanvas}
        className={classOf('canvas')}
        data-testid="mpeg1-canvas"
        role="img"
        aria-label={t('live.videoOf', { name: camera.name })}
      />
      <img
        ref={attachImage}
        className={classOf('image')}
        data-testid="stills-image"
        alt={t('live.videoOf', { name: camera.name })}
      />
      {children}
      {black === undefined ? (
        <Waiting state={state} t={t} />
      ) : (
        <WhyBlack black={black} camera={camera} onRetry={retry} />
      )}
      {state.isPlayBlocked ? (
        <Button className="stage__play" look="primary" icon="play" onClick={play}>
          {t('live.play')}
        </Button>
      ) : null}
      <Notice notice={state.notice} t={t} />
    </div>
  );
}

/** The state as a chip. It stands beside the picture, not on it: cameras write their name and the time into the corners. */
export function StateChip({ camera, state }: { camera: Camera; state: StreamState }) {
  const t = useText();
  const shown = shownState(camera, state);
  return (
    <span data-testid="tile-state" data-state={shown}>
      <Chip tone={TONES[shown]} isBusy={shown === 'connecting'}>
        {t(`state.${shown}`)}
      </Chip>
    </span>
  );
}

/** What is shown, and how late it is: "Video · 420 ms". */
export function StreamFigures({ state }: { state: StreamState }) {
  const t = useText();
  const { profile, delay } = state;
  return (
    <>
      {profile === undefined ? null : (
        <span data-testid="tile-profile" data-profile={profile}>
          {t(`live.profile.${profile}`)}
        </span>
      )}
      {state.phase !== 'playing' || delay === undefined ? null : (
        <span
          className="numeric"
          data-testid="tile-latency"
          data-latency-ms={Math.round(delay.ms)}
          title={t(delay.isApproximate ? 'live.latencyApprox' : 'live.latency')}
        >
          {delay.isApproximate ? '≈ ' : ''}
          {formatLatency(delay.ms)}
        </span>
      )}
    </>
  );
}

function Waiting({ state, t }: { state: StreamState; t: Translate }) {
  if (state.phase === 'playing' || state.phase === 'idle') return null;
  return (
    <p className="stage__waiting">{t(state.phase === 'retrying' ? 'live.reconnecting' : 'live.starting')}</p>
  );
}

function WhyBlack({ black, camera, onRetry }: { black: BlackReason; camera: Camera; onRetry: () => void }) {
  const t = useText();
  return (
    <div className="why" data-testid="why-black">
      <Icon name="dark" />
      <strong>{t(black.why, { agent: camera.agent })}</strong>
      <span>{t(black.todo)}</span>
      {black.detail === undefined ? null : <small className="why__detail">{black.detail}</small>}
      {black.canRetry ? (
        <Button icon="play" onClick={onRetry}>
          {t('common.retry')}
        </Button>
      ) : null}
    </div>
  );
}

const STEPPED_DOWN = {
  'viewer-slow': 'live.steppedDown',
  'server-busy': 'live.steppedDownBusy',
  'uplink-slow': 'live.steppedDownUplink',
  'data-budget': 'live.steppedDownBudget',
} as const;

function Notice({ notice, t }: { notice: StreamNotice | undefined; t: Translate }) {
  const language = useLanguage();
  if (notice === undefined) return null;
  const text = ((): string => {
    switch (notice.kind) {
      case 'queued':
        return `${language === 'ko' ? notice.messageKo : notice.message} ${t('live.queued')}`;
      case 'dropped':
        return t(notice.reason === 'uplink-slow' ? 'live.dropped.uplink' : 'live.dropped.viewer', {
          n: notice.frames,
        });
      case 'stepped-down':
        return t(STEPPED_DOWN[notice.reason], {
          profile: t(`live.profile.${notice.profile}`),
        });
      case 'waiting':
        return t('live.waiting', { place: notice.place });
      case 'codec':
        return t('live.codecFallback');
    }
  })();
  return (
    <p className="stage__notice" role="status" data-testid="stream-notice" data-notice={notice.kind}>
      {text}
    </p>
  );
}
