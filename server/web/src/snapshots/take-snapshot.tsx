// The button that asks a camera for a snapshot now.

import { useState } from 'react';
import { api } from '../api/endpoints.ts';
import type { Camera } from '../api/types.ts';
import { keyOf } from '../state/fleet.ts';
import { useErrorSentence, useMayAct, useText } from '../state/hooks.ts';
import { Button } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';

export function TakeSnapshot({ camera, isCompact }: { camera: Camera; isCompact?: boolean }) {
  const t = useText();
  const sentence = useErrorSentence();
  const mayTake = useMayAct('operator');
  const [isBusy, setBusy] = useState(false);
  if (!mayTake) return null;

  const take = (): void => {
    setBusy(true);
    api
      .takeSnapshot(keyOf(camera.site, camera.id))
      .then(
        () => toast(t('snapshots.asked')),
        (error: unknown) => toast(sentence(error)),
      )
      .finally(() => setBusy(false));
  };
  const label = t('snapshots.takeOf', { name: camera.name });
  return (
    <Button
      icon="snapshots"
      look={isCompact === true ? 'quiet' : 'plain'}
      disabled={isBusy || !camera.online || camera.state !== 'live'}
      onClick={take}
      data-testid="take-snapshot"
      {...(isCompact === true ? { iconOnlyLabel: label } : {})}
    >
      {isCompact === true ? null : t('snapshots.take')}
    </Button>
  );
}
