// What is known of a clip, and what may be done with it.

import { useEffect, useRef, useState } from 'react';
import { formatDateTime } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useMayAct, useText } from '../state/hooks.ts';
import { Icon } from '../ui/icon.tsx';
import { Button, Message } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';
import { clipApi, clipUrl, type Clip } from './clip-api.ts';
import { forgetFetch } from './fetches.ts';
import { figuresOf, useClipReason, useNote } from './clip-words.ts';
import type { PhasedClip } from './use-clips.ts';

export function ClipFoot({ clip, onDeleted }: { clip: PhasedClip; onDeleted: () => void }) {
  const [isAsking, setAsking] = useState(false);
  const stored = clip.clip;
  if (stored !== undefined && isAsking)
    return <DeleteQuestion id={clip.id} onDeleted={onDeleted} onCancel={() => setAsking(false)} />;
  return (
    <div className="viewer__foot">
      <Facts clip={clip} />
      {stored === undefined ? null : <Actions clip={stored} onDelete={() => setAsking(true)} />}
    </div>
  );
}

function Facts({ clip }: { clip: PhasedClip }) {
  const t = useText();
  const language = useLanguage();
  const reason = useClipReason()(clip);
  const note = useNote()(clip);
  const { length, size } = figuresOf(clip);
  const { width, height } = clip.clip ?? { width: 0, height: 0 };
  const sizes = [width === 0 ? undefined : `${width} × ${height}`, size].filter((part) => part !== undefined);
  const facts: [string, string | undefined][] = [
    [t('clips.started'), formatDateTime(clip.at, language)],
    [t('clips.length'), length],
    [t('snapshots.reason'), reason],
    [t('snapshots.size'), sizes.length === 0 ? undefined : sizes.join(' · ')],
    [t('snapshots.received'), clip.clip && formatDateTime(clip.clip.receivedAt, language)],
    [t('clips.note'), note],
  ];
  return (
    <dl className="viewer__facts numeric" aria-live="polite">
      {facts.map(([name, value]) =>
        value === undefined ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

function Actions({ clip, onDelete }: { clip: Clip; onDelete: () => void }) {
  const t = useText();
  const mayDelete = useMayAct('admin');
  return (
    <span className="row-actions">
      <a className="button" href={clipUrl(clip.id)} download={fileNameOf(clip)} data-testid="clip-download">
        <Icon name="download" />
        {t('snapshots.download')}
      </a>
      {mayDelete ? (
        <Button look="danger" onClick={onDelete} data-testid="clip-delete">
          {t('clips.delete')}
        </Button>
      ) : null}
    </span>
  );
}

function fileNameOf({ site, camera, startedAt }: Clip): string {
  return `${site}-${camera}-${startedAt.slice(0, 19).replaceAll(':', '-')}.mp4`;
}

function DeleteQuestion(props: { id: string; onDeleted: () => void; onCancel: () => void }) {
  const t = useText();
  const sentence = useErrorSentence();
  const [failure, setFailure] = useState<unknown>(undefined);
  const question = useRef<HTMLDivElement>(null);
  // The button that was pressed is gone, and the focus with it.
  useEffect(() => question.current?.querySelector('button')?.focus(), []);
  const remove = (): void => {
    clipApi.remove(props.id).then(() => {
      forgetFetch(props.id);
      toast(t('clips.deleted'));
      props.onDeleted();
    }, setFailure);
  };
  return (
    <div ref={question} className="viewer__foot" role="group" aria-label={t('clips.delete')}>
      <div>
        <p>{t('clips.deleteText')}</p>
        {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      </div>
      <span className="row-actions">
        <Button onClick={props.onCancel}>{t('common.cancel')}</Button>
        <Button look="danger" onClick={remove} data-testid="clip-delete-confirm">
          {t('clips.delete')}
        </Button>
      </span>
    </div>
  );
}
