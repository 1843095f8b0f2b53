// In the place of the picture of a clip that is not on the server: where it is, how far it is, and the button that fetches it.

import { useRef } from 'react';
import { useMayAct, useText } from '../state/hooks.ts';
import { Button, Chip, Meter } from '../ui/primitives.tsx';
import { isMoving, type ClipPhase } from './clip-phase.ts';
import { toneOf, usePhaseName, usePhaseText } from './clip-words.ts';
import { fetchClip } from './fetches.ts';
import type { PhasedClip } from './use-clips.ts';

export function ClipElsewhere({ clip, onChanged }: { clip: PhasedClip; onChanged: () => void }) {
  const t = useText();
  const phaseName = usePhaseName();
  const phaseText = usePhaseText();
  const mayFetch = useMayAct('operator');
  const panel = useRef<HTMLDivElement>(null);
  const { phase } = clip;
  if (phase.kind === 'here') return null;
  return (
    <div
      ref={panel}
      tabIndex={-1}
      className="viewer__picture viewer__instead"
      data-testid="clip-elsewhere"
      data-phase={phase.kind}
    >
      <Chip tone={toneOf(phase)} isBusy={isMoving(phase)}>
        {phaseName(phase)}
      </Chip>
      {phase.kind === 'arriving' ? (
        <div className="viewer__progress">
          <Meter label={phaseName(phase)} fraction={phase.receivedBytes / Math.max(1, phase.bytes)} isCalm />
        </div>
      ) : null}
      <p role="status">{phaseText(phase)}</p>
      {isFetchable(phase) && mayFetch ? (
        <Button
          look="primary"
          icon="download"
          onClick={() => {
            // The button goes, and the focus must not go with it.
            panel.current?.focus();
            void fetchClip(clip).then(onChanged);
          }}
          data-testid="clip-fetch"
        >
          {t(phase.kind === 'asked' ? 'clips.fetchAgain' : 'clips.fetch')}
        </Button>
      ) : null}
      {isFetchable(phase) && !mayFetch ? <p>{t('clips.operatorsFetch')}</p> : null}
    </div>
  );
}

function isFetchable(phase: ClipPhase): boolean {
  if (phase.kind === 'asked') return phase.isLate;
  return phase.kind === 'gateway' || phase.kind === 'unheard';
}
