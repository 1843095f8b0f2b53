// The button that has a camera recorded now.

import type { Camera } from '../api/types.ts';
import { useMayAct, useText } from '../state/hooks.ts';
import { Button } from '../ui/primitives.tsx';
import type { Recording } from './use-recording.ts';

/** For those who may, where the gateway records clips. */
export function RecordClip({ camera, recording }: { camera: Camera; recording: Recording }) {
  const t = useText();
  const mayRecord = useMayAct('operator');
  if (!mayRecord) return null;
  const { record, isAsking, isRecording } = recording;
  return (
    <Button
      icon="live"
      disabled={isAsking || !camera.online || camera.state !== 'live'}
      onClick={record}
      title={t(isRecording ? 'clips.recordOnHint' : 'clips.recordHint')}
      data-testid="record-clip"
    >
      {t(isRecording ? 'clips.recordOn' : 'clips.record')}
    </Button>
  );
}
