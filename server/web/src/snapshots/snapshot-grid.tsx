// All snapshots, newest first, of every camera or one.

import { useState } from 'react';
import { formatLongDay } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useSite, useText } from '../state/hooks.ts';
import { Button, Empty, Message } from '../ui/primitives.tsx';
import { daysOf } from './days.ts';
import { LoadingThumbs } from './loading-thumbs.tsx';
import { SnapshotDialog } from './snapshot-dialog.tsx';
import { SnapshotThumb } from './snapshot-thumb.tsx';
import { useSnapshotList } from './use-snapshots.ts';

export function SnapshotGrid({ camera }: { camera: string | undefined }) {
  const t = useText();
  const sentence = useErrorSentence();
  const site = useSite();
  const language = useLanguage();
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  const { items, isLoaded, failure, readMore } = useSnapshotList(camera);
  const shown = items.filter((one) => camera !== undefined || site === undefined || one.site === site);
  return (
    <>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {!isLoaded && failure === undefined ? <LoadingThumbs /> : null}
      {isLoaded && shown.length === 0 ? (
        <Empty icon="snapshots" title={t('snapshots.emptyTitle')}>
          {t('snapshots.emptyText')}
        </Empty>
      ) : null}
      <div data-testid="snapshot-grid">
        {daysOf(shown, ({ capturedAt }) => formatLongDay(capturedAt, language)).map(([day, snapshots]) => (
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
    </>
  );
}
