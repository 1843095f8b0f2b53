// One camera in the grid.

import { Link } from 'wouter';
import type { Camera } from '../api/types.ts';
import { keyOf } from '../state/fleet.ts';
import { useSiteName, useText } from '../state/hooks.ts';
import { Icon } from '../ui/icon.tsx';
import { TakeSnapshot } from '../snapshots/take-snapshot.tsx';
import { StateChip, StreamFigures, StreamView } from './stream-view.tsx';
import { useStream } from './use-stream.ts';
import { mayHavePicture } from './why-black.ts';

export function CameraTile({ camera }: { camera: Camera }) {
  const t = useText();
  const address = keyOf(camera.site, camera.id);
  const siteName = useSiteName(camera.site);
  const stream = useStream({
    camera: address,
    isAvailable: mayHavePicture(camera),
    isLive: camera.online && camera.state === 'live',
  });
  return (
    <article className="tile" data-testid="camera-tile" data-camera={address} aria-label={camera.name}>
      <StreamView camera={camera} stream={stream}>
        <Link href={`/cameras/${address}`} className="tile__open" tabIndex={-1} aria-hidden="true" />
      </StreamView>
      <div className="tile__caption">
        <div className="tile__names">
          <h2 className="truncate">{camera.name}</h2>
          <p className="tile__line muted">
            <span className="truncate">{siteName}</span>
            <StreamFigures state={stream.state} />
          </p>
        </div>
        <StateChip camera={camera} state={stream.state} />
        <div className="tile__actions">
          <TakeSnapshot camera={camera} isCompact />
          <Link
            href={`/cameras/${address}`}
            className="button button--quiet button--icon"
            data-testid="tile-open"
            aria-label={t('live.open', { name: camera.name })}
            title={t('live.open', { name: camera.name })}
          >
            <Icon name="enlarge" />
          </Link>
        </div>
      </div>
    </article>
  );
}
