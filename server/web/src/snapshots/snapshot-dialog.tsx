// One snapshot in full, with its facts.

import { useState } from 'react';
import { api, pictureUrl } from '../api/endpoints.ts';
import type { Snapshot } from '../api/types.ts';
import { formatBytes, formatDateTime } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useText } from '../state/hooks.ts';
import { Icon } from '../ui/icon.tsx';
import { Message } from '../ui/primitives.tsx';
import { useReasonText } from './snapshot-thumb.tsx';
import { ViewerDialog } from './viewer-dialog.tsx';

export interface SnapshotDialogProps {
  snapshots: Snapshot[];
  openId: string;
  onOpen: (id: string) => void;
  onClose: () => void;
}

export function SnapshotDialog({ snapshots, openId, onOpen, onClose }: SnapshotDialogProps) {
  return (
    <ViewerDialog
      items={snapshots}
      openId={openId}
      onOpen={onOpen}
      onClose={onClose}
      testId="snapshot-dialog"
      stageOf={(snapshot) => <Picture key={snapshot.id} snapshot={snapshot} />}
      footOf={(snapshot) => <SnapshotFacts snapshot={snapshot} />}
    />
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
