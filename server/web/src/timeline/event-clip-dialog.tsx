// The clip of an event that was clicked on.

import { useState } from 'react';
import type { TimelineEvent } from '../api/types.ts';
import { ClipDialog } from '../clips/clip-dialog.tsx';
import { useClips } from '../clips/use-clips.ts';
import { keyOf } from '../state/fleet.ts';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Message } from '../ui/primitives.tsx';

/** The clip begins with its first picture, the event when it was asked for. */
const AROUND_MS = 60_000;
const MOST = 50;

export interface EventClipDialogProps {
  site: string;
  event: TimelineEvent;
  onClose: () => void;
}

export function EventClipDialog({ site, event, onClose }: EventClipDialogProps) {
  const atMs = Date.parse(event.at);
  const around = {
    camera: keyOf(site, event.camera ?? ''),
    from: new Date(atMs - AROUND_MS).toISOString(),
    to: new Date(atMs + AROUND_MS).toISOString(),
  };
  const t = useText();
  const sentence = useErrorSentence();
  const { clips, isLoaded, failure, reread } = useClips(around, MOST);
  const [openId, setOpenId] = useState(event.clipId ?? '');
  const isThere = clips.some(({ id }) => id === openId);
  if (!isThere && (isLoaded || failure !== undefined))
    return (
      <Dialog title={t('timeline.kind.clip')} testId="clip-dialog" onClose={onClose}>
        <div className="dialog__body">
          <Message tone="warn">{failure === undefined ? t('clips.unknown') : sentence(failure)}</Message>
        </div>
      </Dialog>
    );
  return <ClipDialog clips={clips} openId={openId} onOpen={setOpenId} onClose={onClose} onChanged={reread} />;
}
