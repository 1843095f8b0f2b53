// The newest clips of a camera beside its picture, with what becomes of the one that is being recorded.

import { useState } from 'react';
import { Link } from 'wouter';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Message, Skeleton } from '../ui/primitives.tsx';
import { ClipCard } from './clip-card.tsx';
import { ClipDialog } from './clip-dialog.tsx';
import type { ClipList } from './use-clips.ts';

const SHOWN = 4;
/** More than are shown, since those at the end of a page may have to wait for the next one. */
export const LATEST_CLIPS_READ = 12;

export interface LatestClipsProps {
  /** `site/camera` */
  camera: string;
  list: ClipList;
  /** Why no clip is recorded. */
  refusal: unknown;
}

export function LatestClips({ camera, list, refusal }: LatestClipsProps) {
  const t = useText();
  const sentence = useErrorSentence();
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  const { clips, isLoaded, failure, reread } = list;
  const problem = refusal ?? failure;
  return (
    <section className="card" data-testid="latest-clips">
      <div className="card__head">
        <h2>{t('clips.latest')}</h2>
        <Link href={`/snapshots?camera=${encodeURIComponent(camera)}&show=clips`} className="card__link">
          {t('clips.all')}
        </Link>
      </div>
      <div className="card__body">
        {problem === undefined ? null : <Message tone="bad">{sentence(problem)}</Message>}
        {clips.length > 0 ? (
          <div className="thumbs thumbs--small">
            {clips.slice(0, SHOWN).map((clip) => (
              <ClipCard key={clip.id} clip={clip} onOpen={() => setOpenId(clip.id)} />
            ))}
          </div>
        ) : isLoaded ? (
          <p className="muted">{t('clips.noneYet')}</p>
        ) : (
          <Skeleton className="thumbs-skeleton" />
        )}
      </div>
      {openId === undefined ? null : (
        <ClipDialog
          clips={clips}
          openId={openId}
          onOpen={setOpenId}
          onClose={() => setOpenId(undefined)}
          onChanged={reread}
        />
      )}
    </section>
  );
}
