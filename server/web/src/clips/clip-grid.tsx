// The page of clips: all of them, newest first, of every camera or one.

import { useState } from 'react';
import { formatLongDay } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useSite, useText } from '../state/hooks.ts';
import { daysOf } from '../snapshots/days.ts';
import { LoadingThumbs } from '../snapshots/loading-thumbs.tsx';
import { Button, Empty, Message } from '../ui/primitives.tsx';
import { ClipCard } from './clip-card.tsx';
import { ClipDialog } from './clip-dialog.tsx';
import { useClips } from './use-clips.ts';

const PAGE_ITEMS = 48;

export function ClipGrid({ camera }: { camera: string | undefined }) {
  const t = useText();
  const sentence = useErrorSentence();
  const language = useLanguage();
  const site = useSite();
  const filter = camera === undefined ? { site } : { camera };
  const { clips, isLoaded, failure, readMore, reread } = useClips(filter, PAGE_ITEMS);
  const [openId, setOpenId] = useState<string | undefined>(undefined);
  return (
    <>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {!isLoaded && failure === undefined ? <LoadingThumbs /> : null}
      {isLoaded && clips.length === 0 ? (
        <Empty icon="live" title={t('clips.emptyTitle')}>
          {t('clips.emptyText')}
        </Empty>
      ) : null}
      <div data-testid="clip-grid">
        {daysOf(clips, ({ at }) => formatLongDay(at, language)).map(([day, ofDay]) => (
          <section key={day} aria-label={day}>
            <h2 className="day">{day}</h2>
            <div className="thumbs">
              {ofDay.map((clip) => (
                <ClipCard key={clip.id} clip={clip} onOpen={() => setOpenId(clip.id)} />
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
