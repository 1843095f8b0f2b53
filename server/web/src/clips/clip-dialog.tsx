// One clip in full: played when it is on the server, else where it is and how it gets here. Left and right go to the newer and
// the older one.

import type { KeyboardEvent } from 'react';
import { useCameraName, useSiteName, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button } from '../ui/primitives.tsx';
import { ClipFoot } from './clip-foot.tsx';
import { ClipPlayer } from './clip-player.tsx';
import { ClipElsewhere } from './clip-elsewhere.tsx';
import type { PhasedClip } from './use-clips.ts';

export interface ClipDialogProps {
  clips: PhasedClip[];
  openId: string;
  onOpen: (id: string) => void;
  onClose: () => void;
  /** Something was done about one of them. */
  onChanged: () => void;
}

export function ClipDialog({ clips, openId, onOpen, onClose, onChanged }: ClipDialogProps) {
  const t = useText();
  const index = clips.findIndex(({ id }) => id === openId);
  const clip = clips[index];
  if (clip === undefined) return null;
  const newer = clips[index - 1];
  const older = clips[index + 1];

  const turn = (event: KeyboardEvent): void => {
    // There they wind the clip.
    if (event.target instanceof HTMLVideoElement) return;
    const target = event.key === 'ArrowLeft' ? newer : event.key === 'ArrowRight' ? older : undefined;
    if (target === undefined) return;
    event.preventDefault();
    onOpen(target.id);
  };

  return (
    <Dialog
      title={<ClipTitle clip={clip} />}
      className="viewer"
      testId="clip-dialog"
      onClose={onClose}
      onKeyDown={turn}
    >
      <div className="viewer__stage">
        {clip.clip === undefined ? (
          <ClipElsewhere key={clip.id} clip={clip} onChanged={onChanged} />
        ) : (
          <ClipPlayer key={clip.id} clip={clip.clip} />
        )}
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
      <ClipFoot
        key={clip.id}
        clip={clip}
        onDeleted={() => {
          onClose();
          onChanged();
        }}
      />
    </Dialog>
  );
}

function ClipTitle({ clip }: { clip: PhasedClip }) {
  return (
    <>
      {useCameraName(clip.site, clip.camera)} <span className="muted">{useSiteName(clip.site)}</span>
    </>
  );
}
