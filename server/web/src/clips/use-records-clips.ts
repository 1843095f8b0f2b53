// Whether the gateway of a camera records clips.

import { useEffect, useState } from 'react';
import type { Agent, Camera } from '../api/types.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet } from '../state/hooks.ts';
import { clipApi } from './clip-api.ts';

const ASK_AGAIN_MS = 5_000;

const recordsClips = (agent: Agent | undefined): boolean => agent?.health?.clips !== undefined;

/** A gateway that has just come says so with its first health, which is asked for until it is there. */
export function useRecordsClips({ site, agent: id, online }: Camera): boolean {
  const known = useFleet((state) => state.agents[keyOf(site, id)]);
  const [asked, setAsked] = useState<Agent | undefined>(undefined);
  const isKnown = (known?.health ?? asked?.health ?? null) !== null;
  useEffect(() => {
    if (isKnown || !online) return;
    let isWanted = true;
    const ask = (): void => {
      clipApi.agent(site, id).then(
        (agent) => {
          if (isWanted) setAsked(agent);
        },
        // A camera that only uploads pictures has no agent; a server that is away is shown elsewhere.
        () => undefined,
      );
    };
    ask();
    const timer = setInterval(ask, ASK_AGAIN_MS);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [site, id, isKnown, online]);
  return recordsClips(known) || recordsClips(asked);
}
