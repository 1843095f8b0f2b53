// One snapshot in a list.

import { thumbnailUrl } from '../api/endpoints.ts';
import type { Snapshot } from '../api/types.ts';
import { isTextKey } from '../i18n/language.ts';
import { formatClock, formatDateTime } from '../i18n/format.ts';
import { useCameraName, useLanguage, useText } from '../state/hooks.ts';

export function useReasonText(): (reason: string) => string {
  const t = useText();
  return (reason) => {
    const key = `snapshots.reason.${reason}`;
    return isTextKey(key) ? t(key) : reason;
  };
}

export function SnapshotThumb({ snapshot, onOpen }: { snapshot: Snapshot; onOpen: () => void }) {
  const t = useText();
  const language = useLanguage();
  const reasonText = useReasonText();
  const name = useCameraName(snapshot.site, snapshot.camera);
  const time = formatDateTime(snapshot.capturedAt, language);
  return (
    <button
      type="button"
      className="thumb"
      onClick={onOpen}
      aria-label={t('snapshots.open', { name, time })}
      title={time}
      data-testid="snapshot-thumb"
      data-snapshot={snapshot.id}
    >
      <img
        className="thumb__picture"
        src={thumbnailUrl(snapshot.id)}
        alt=""
        loading="lazy"
        decoding="async"
      />
      <span className="thumb__caption">
        <span className="thumb__time numeric">{formatClock(snapshot.capturedAt, language)}</span>
        <span className="thumb__reason truncate">{reasonText(snapshot.reason)}</span>
        <span className="thumb__name truncate">{name}</span>
      </span>
    </button>
  );
}
