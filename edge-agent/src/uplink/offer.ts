// What an agent offers of live pictures and snapshots at the moment: what its uplink carries, and what is left of its volume.

import type { Profile } from '@sitecast/shared/protocol/frame-header';
import type { UplinkLimit } from '@sitecast/shared/protocol/status';
import { FULL_PACE, type Pace } from '../camera/encoder/pace.ts';
import type { BudgetStage } from './data-budget.ts';
import type { Rung } from './uplink-ladder.ts';

export interface Offer {
  profiles: readonly Profile[];
  /** Of `low`; `mpeg1` gets twice its bits. */
  pace: Pace;
  /** Between two stills at least. */
  stillsIntervalMs: number;
  hasSnapshots: boolean;
  /** Why it is less than all; undefined when it is all. */
  limitedBy: UplinkLimit | undefined;
}

/** A little under a second: keyframes that come every second, give or take, shall all go. */
const STILLS_INTERVAL_MS = 900;
/** Where stills are what saves bytes: a still has as many as a fifth of a second of video of 3 Mbit/s. */
const SAVING_STILLS_INTERVAL_MS = 5_000;

/** From the most to the least demanding. */
const PROFILES_FROM = {
  main: ['main', 'low', 'mpeg1', 'stills'],
  low: ['low', 'mpeg1', 'stills'],
  stills: ['stills'],
  nothing: [],
} as const satisfies Record<string, readonly Profile[]>;
type Highest = keyof typeof PROFILES_FROM;
const ORDER = Object.keys(PROFILES_FROM) as Highest[];

const HIGHEST_OF: Record<BudgetStage, Highest> = {
  all: 'main',
  low: 'low',
  stills: 'stills',
  events: 'nothing',
};

export const FULL_OFFER: Offer = offerOf({ profile: 'main', pace: FULL_PACE }, 'all');

export function offerOf({ profile, pace }: Rung, stage: BudgetStage): Offer {
  const ofBudget = HIGHEST_OF[stage];
  const isBudgetLower = ORDER.indexOf(ofBudget) >= ORDER.indexOf(profile);
  const highest = isBudgetLower ? ofBudget : profile;
  return {
    profiles: PROFILES_FROM[highest],
    pace,
    stillsIntervalMs: highest === 'stills' ? SAVING_STILLS_INTERVAL_MS : STILLS_INTERVAL_MS,
    hasSnapshots: stage !== 'events',
    limitedBy: highest === 'main' ? undefined : isBudgetLower ? 'data-budget' : 'uplink-slow',
  };
}
