// One snapshot in full, with its facts; left and right go to the newer and older one.

import { useState, type KeyboardEvent } from 'react';
import { api, pictureUrl } from '../api/endpoints.ts';
import type { Snapshot } from '../api/types.ts';
import { formatBytes, formatDateTime } from '../i18n/format.ts';
import { useCameraName, useErrorSentence, useLanguage, useSiteName, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Icon } from '../ui/icon.tsx';
import { Button, Message } from '../ui/primitives.tsx';
import { useReasonText } from './snapshot-thumb.tsx';

export interface SnapshotDialogProps {
  snapshots: Snapshot[];
  openId: string;
  onOpen: (id: string) => void;
  onClose: () => void;
}

export function SnapshotDialog({ snapshots, openId, onOpen, onClose }: SnapshotDialogProps) {
  const t = useText();
  const index = snapshots.findIndex(({ id }) => id === openId);
  const snapshot = snapshots[index];
  if (snapshot === undefined) return null;
  const newer = snapshots[index - 1];
  const older = snapshots[index + 1];

  const turn = (event: KeyboardEvent): void => {
    const target = event.key === 'ArrowLeft' ? newer : event.key === 'ArrowRight' ? older : undefined;
    if (target === undefined) return;
    event.preventDefault();
    onOpen(target.id);
  };

  return (
    <Dialog
      title={<SnapshotTitle snapshot={snapshot} />}
      className="viewer"
      testId="snapshot-dialog"
      onClose={onClose}
      onKeyDown={turn}
    >
      <div className="viewer__stage">
        <Picture key={snapshot.id} snapshot={snapshot} />
        <div className="viewer__turn">
          <Button
            icon="back"
            iconOnlyLabel={t('snapshots.newer')}
            disabled={newer === undefined}
            onClick={() => newer !== undefined && onOpen(newer.id)}
          />
          <Button
            icon="next"
            iconOnlyLabel={t('snapshots.older')}
            disabled={older === undefined}
            onClick={() => older !== undefined && onOpen(older.id)}
          />
        </div>
      </div>
      <SnapshotFacts snapshot={snapshot} />
    </Dialog>
  );
}

/** Lists may be older than the last deletion: a picture that is gone says why. */
function Picture({ snapshot }: { snapshot: Snapshot }) {
  const sentence = useErrorSentence();
  const [failure, setFailure] = useState<unknown>(undefined);
  if (failure !== undefined)
    return (
      <div className="viewer__picture" data-testid="snapshot-gone">
        <Message tone="warn">{sentence(failure)}</Message>
      </div>
    );
  return (
    <img
      className="viewer__picture"
      src={pictureUrl(snapshot.id)}
      width={snapshot.width}
      height={snapshot.height}
      alt=""
      data-testid="snapshot-picture"
      onError={() => void api.whyNoPicture(snapshot.id).then(setFailure)}
    />
  );
}

function SnapshotTitle({ snapshot }: { snapshot: Snapshot }) {
  return (
    <>
      {useCameraName(snapshot.site, snapshot.camera)}{' '}
      <span className="muted">{useSiteName(snapshot.site)}</span>
    </>
  );
}

function SnapshotFacts({ snapshot }: { snapshot: Snapshot }) {
  const t = useText();
  const language = useLanguage();
  const reasonText = useReasonText();
  const { width, height, bytes, receivedAt } = snapshot;
  const size = [
    width === undefined ? undefined : `${width} × ${height}`,
    bytes === undefined ? undefined : formatBytes(bytes),
  ].filter((part) => part !== undefined);
  return (
    <div className="viewer__foot" aria-live="polite">
      <dl className="viewer__facts numeric">
        <Fact name={t('snapshots.captured')}>{formatDateTime(snapshot.capturedAt, language)}</Fact>
        {receivedAt === undefined ? null : (
          <Fact name={t('snapshots.received')}>{formatDateTime(receivedAt, language)}</Fact>
        )}
        <Fact name={t('snapshots.reason')}>{reasonText(snapshot.reason)}</Fact>
        {size.length === 0 ? null : <Fact name={t('snapshots.size')}>{size.join(' · ')}</Fact>}
      </dl>
      <a
        className="button"
        href={pictureUrl(snapshot.id)}
        download={`${snapshot.site}-${snapshot.camera}-${snapshot.capturedAt.replaceAll(':', '-')}.jpg`}
      >
        <Icon name="download" />
        {t('snapshots.download')}
      </a>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
