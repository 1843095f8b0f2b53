// What a clip is said to be: its state, its length, its size, its reason.

import type { TextKey } from '../i18n/en.ts';
import { formatBytes, formatPlayTime } from '../i18n/format.ts';
import { isTextKey } from '../i18n/language.ts';
import { useErrorSentence, useText } from '../state/hooks.ts';
import type { Tone } from '../ui/primitives.tsx';
import { keptOf, type ClipEntry } from './clip-entry.ts';
import type { ClipPhase } from './clip-phase.ts';

const TONES: Record<ClipPhase['kind'], Tone> = {
  ...{ here: 'ok', recording: 'bad', gateway: 'idle', asking: 'info', asked: 'info', arriving: 'info' },
  ...{ lost: 'warn', gone: 'warn', unheard: 'warn' },
};

export const toneOf = ({ kind }: ClipPhase): Tone => TONES[kind];

/** In few words. */
export function usePhaseName(): (phase: ClipPhase) => string {
  const t = useText();
  return (phase) =>
    phase.kind === 'arriving'
      ? t('clips.state.arriving', { percent: percentOf(phase) })
      : t(`clips.state.${phase.kind}`);
}

const percentOf = ({ bytes, receivedBytes }: { bytes: number; receivedBytes: number }): number =>
  Math.floor((100 * receivedBytes) / Math.max(1, bytes));

/** What it means, and what to do. Of one that is not here. */
export function usePhaseText(): (phase: Exclude<ClipPhase, { kind: 'here' }>) => string {
  const t = useText();
  const sentence = useErrorSentence();
  return (phase) => {
    if (phase.kind === 'gateway' && phase.refusal !== undefined) return sentence(phase.refusal);
    if (phase.kind === 'asked' && phase.isLate) return t('clips.text.late');
    if (phase.kind === 'asking') return t('clips.text.asked');
    if (phase.kind !== 'arriving') return t(`clips.text.${phase.kind}`);
    const sizes = { received: formatBytes(phase.receivedBytes), size: formatBytes(phase.bytes) };
    return t(phase.isIdle ? 'clips.text.idle' : 'clips.text.arriving', sizes);
  };
}

/** As far as anybody knows them. */
export function figuresOf({ clip, event }: ClipEntry): {
  length: string | undefined;
  size: string | undefined;
} {
  const known = clip ?? keptOf(event);
  if (known === undefined) return { length: undefined, size: undefined };
  return { length: formatPlayTime(known.durationMs), size: formatBytes(known.bytes) };
}

/** Words of gateways (edge-agent/README.md, "Clips") that the page has in both languages. */
const CUTS: Record<string, TextKey> = {
  'cut at its largest size': 'clips.cut.full',
  'cut where the camera started anew': 'clips.cut.changed',
  'cut because no picture came any more': 'clips.cut.silent',
  'cut because the disk was too slow': 'clips.cut.diskSlow',
  'cut because the rest could not be written': 'clips.cut.failed',
  'cut because its camera got other settings': 'clips.cut.reconfigured',
  'cut because the agent stopped': 'clips.cut.stopped',
  'cut because the agent was cut off': 'clips.cut.off',
};

/** Why it is shorter than it should be, or why nothing is kept; a gateway that is newer than this page says it in its own words. */
export function useNote(): (entry: ClipEntry) => string | undefined {
  const t = useText();
  return ({ event }) => {
    if (event === undefined || event.until === null) return undefined;
    const kept = keptOf(event);
    const note = kept === undefined ? event.detail : kept.cut;
    const key = CUTS[note ?? ''];
    return key === undefined ? (note ?? undefined) : t(key);
  };
}

export function useClipReason(): (entry: ClipEntry) => string | undefined {
  const t = useText();
  return ({ clip }) => {
    const key = `snapshots.reason.${clip?.reason}`;
    return isTextKey(key) ? t(key) : clip?.reason;
  };
}
