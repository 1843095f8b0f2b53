// One clip in full: played when it is on the server, else where it is and how it gets here.

import { ViewerDialog } from '../snapshots/viewer-dialog.tsx';
import { ClipElsewhere } from './clip-elsewhere.tsx';
import { ClipFoot } from './clip-foot.tsx';
import { ClipPlayer } from './clip-player.tsx';
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
  const onDeleted = (): void => {
    onClose();
    onChanged();
  };
  return (
    <ViewerDialog
      items={clips}
      openId={openId}
      onOpen={onOpen}
      onClose={onClose}
      testId="clip-dialog"
      stageOf={(clip) =>
        clip.clip === undefined ? (
          <ClipElsewhere key={clip.id} clip={clip} onChanged={onChanged} />
        ) : (
          <ClipPlayer key={clip.id} clip={clip.clip} />
        )
      }
      footOf={(clip) => <ClipFoot key={clip.id} clip={clip} onDeleted={onDeleted} />}
    />
  );
}
