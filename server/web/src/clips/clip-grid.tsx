// The page of clips: all of them, newest first, of every camera or one.

import { useState } from 'react';
import { MediaGrid } from '../snapshots/media-grid.tsx';
import { useSite, useText } from '../state/hooks.ts';
import { ClipCard } from './clip-card.tsx';
import { ClipDialog } from './clip-dialog.tsx';
import { useClips } from './use-clips.ts';

const PAGE_ITEMS = 48;

export function ClipGrid({ camera }: { camera: string | undefined }) {
  const t = useText();
  const site = useSite();
  const filter = camera === undefined ? { site } : { camera };
  const { clips, isLoaded, failure, readMore, reread } = useClips(filter, PAGE_ITEMS);
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  return (
    <>
      <MediaGrid
        items={clips}
        timeOf={({ at }) => at}
        isLoaded={isLoaded}
        failure={failure}
        readMore={readMore}
        empty={{ icon: 'live', title: t('clips.emptyTitle'), text: t('clips.emptyText') }}
        testId="clip-grid"
      >
        {(clip) => <ClipCard key={clip.id} clip={clip} onOpen={() => setOpenId(clip.id)} />}
      </MediaGrid>
      {openId === undefined ? null : (
        <ClipDialog
          clips={clips}
          openId={openId}
          onOpen={setOpenId}
          onClose={() => setOpenId(undefined)}
          onChanged={reread}
        />
      )}
    </>
  );
}
