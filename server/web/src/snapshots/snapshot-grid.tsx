// All snapshots, newest first, of every camera or one.

import { useState } from 'react';
import { useSite, useText } from '../state/hooks.ts';
import { MediaGrid } from './media-grid.tsx';
import { SnapshotDialog } from './snapshot-dialog.tsx';
import { SnapshotThumb } from './snapshot-thumb.tsx';
import { useSnapshotList } from './use-snapshots.ts';

export function SnapshotGrid({ camera }: { camera: string | undefined }) {
  const t = useText();
  const site = useSite();
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  const { items, ...list } = useSnapshotList(camera);
  const shown = items.filter((one) => camera !== undefined || site === undefined || one.site === site);
  return (
    <>
      <MediaGrid
        {...list}
        items={shown}
        timeOf={({ capturedAt }) => capturedAt}
        empty={{ icon: 'snapshots', title: t('snapshots.emptyTitle'), text: t('snapshots.emptyText') }}
        testId="snapshot-grid"
      >
        {(snapshot) => (
          <SnapshotThumb key={snapshot.id} snapshot={snapshot} onOpen={() => setOpenId(snapshot.id)} />
        )}
      </MediaGrid>
      {openId === undefined ? null : (
        <SnapshotDialog
          snapshots={shown}
          openId={openId}
          onOpen={setOpenId}
          onClose={() => setOpenId(undefined)}
        />
      )}
    </>
  );
}
