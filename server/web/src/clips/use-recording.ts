// Asks a camera for a clip now, and tells what becomes of it.

import { useEffect, useRef, useState } from 'react';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { toast } from '../ui/toasts.tsx';
import { clipApi } from './clip-api.ts';
import type { ClipList } from './use-clips.ts';

export interface Recording {
  record: () => void;
  isAsking: boolean;
  /** One of this camera is being recorded, whoever asked. */
  isRecording: boolean;
  /** Why the last one was refused. */
  refusal: unknown;
}

/** @param camera `site/camera`, of which `list` is the list. */
export function useRecording(camera: string, { clips, reread }: ClipList): Recording {
  const t = useText();
  const sentence = useErrorSentence();
  const [isAsking, setAsking] = useState(false);
  const [refusal, setRefusal] = useState<unknown>(undefined);
  const [askedId, setAskedId] = useState<string | undefined>(undefined);
  const toldId = useRef<string | undefined>(undefined);
  const became = clips.find(({ id }) => id === askedId)?.phase.kind;

  useEffect(() => {
    if (toldId.current === askedId || (became !== 'lost' && became !== 'gateway')) return;
    toldId.current = askedId;
    toast(t(became === 'lost' ? 'clips.text.lost' : 'clips.kept'));
  }, [askedId, became, t]);

  const record = (): void => {
    setAsking(true);
    clipApi
      .record(camera)
      .then(
        ({ clipId }) => {
          setRefusal(undefined);
          setAskedId(clipId);
          toast(t('clips.begun'));
          reread();
        },
        (error: unknown) => {
          setRefusal(error);
          // What stays is beside the picture; on a phone that is not in sight.
          toast(sentence(error));
        },
      )
      .finally(() => setAsking(false));
  };
  const isRecording = clips.some(({ phase }) => phase.kind === 'recording');
  return { record, isAsking, isRecording, refusal };
}
