// One clip in a list.

import { useState } from 'react';
import { thumbnailUrl } from '../api/endpoints.ts';
import { formatClock, formatDateTime } from '../i18n/format.ts';
import { useCameraName, useLanguage, useText } from '../state/hooks.ts';
import { Icon } from '../ui/icon.tsx';
import { Chip } from '../ui/primitives.tsx';
import { isMoving } from './clip-phase.ts';
import { figuresOf, toneOf, useClipReason, usePhaseName } from './clip-words.ts';
import type { PhasedClip } from './use-clips.ts';

/** One that retention has deleted meanwhile leaves the card without. */
function Poster({ snapshotId }: { snapshotId: string | null }) {
  const [isGone, setGone] = useState(false);
  if (snapshotId === null || isGone) return null;
  return (
    <img
      className="clip__poster"
      src={thumbnailUrl(snapshotId)}
      alt=""
      loading="lazy"
      decoding="async"
      onError={() => setGone(true)}
    />
  );
}

export function ClipCard({ clip, onOpen }: { clip: PhasedClip; onOpen: () => void }) {
  const t = useText();
  const language = useLanguage();
  const name = useCameraName(clip.site, clip.camera);
  const phaseName = usePhaseName()(clip.phase);
  const reason = useClipReason()(clip);
  const { length, size } = figuresOf(clip);
  const time = formatDateTime(clip.at, language);
  const what = [phaseName, length, size, reason].filter((part) => part !== undefined).join(', ');
  return (
    <button
      type="button"
      className="thumb"
      onClick={onOpen}
      aria-label={t('clips.open', { name, time, what })}
      title={time}
      data-testid="clip-card"
      data-clip={clip.id}
      data-phase={clip.phase.kind}
    >
      <span className={`thumb__picture clip__face${clip.phase.kind === 'here' ? ' clip__face--here' : ''}`}>
        <Poster key={clip.clip?.snapshotId} snapshotId={clip.clip?.snapshotId ?? null} />
        <span className="clip__state">
          <Chip tone={toneOf(clip.phase)} isBusy={isMoving(clip.phase)}>
            {phaseName}
          </Chip>
        </span>
        <Icon name={clip.phase.kind === 'here' ? 'play' : 'live'} />
        {length === undefined ? null : <span className="clip__length numeric">{length}</span>}
      </span>
      <span className="thumb__caption">
        <span className="thumb__time numeric">{formatClock(clip.at, language)}</span>
        <span className="thumb__reason truncate">{reason}</span>
        <span className="clip__name">
          <span className="thumb__name truncate">{name}</span>
          {size === undefined ? null : <span className="thumb__name numeric">{size}</span>}
        </span>
      </span>
    </button>
  );
}
