// The answer of the server for what is looked at: asked once the view stands still, and again while it reaches into now.

import { useEffect, useState } from 'react';
import { api, type TimelineQuery } from '../api/endpoints.ts';
import type { Timeline } from '../api/types.ts';

/** A wheel turns on for about so long. */
const SETTLE_MS = 160;
const REREAD_MS = 20_000;

export interface TimelineState {
  /** Of an earlier view while the newest is on its way. */
  timeline: Timeline | undefined;
  isBusy: boolean;
  failure: unknown;
}

/** For one site; another one is another component. */
export function useTimeline(query: TimelineQuery): TimelineState {
  const [timeline, setTimeline] = useState<Timeline | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const [answered, setAnswered] = useState('');
  const asked = JSON.stringify(query);

  useEffect(() => {
    const wanted = JSON.parse(asked) as TimelineQuery;
    const abort = new AbortController();
    const load = (): void => {
      api.timeline(wanted, abort.signal).then(
        (answer) => {
          setFailure(undefined);
          setTimeline(answer);
          setAnswered(asked);
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          setFailure(error);
          setAnswered(asked);
        },
      );
    };
    const settle = setTimeout(load, SETTLE_MS);
    const reread = Date.parse(wanted.to) > Date.now() ? setInterval(load, REREAD_MS) : undefined;
    return () => {
      abort.abort();
      clearTimeout(settle);
      clearInterval(reread);
    };
  }, [asked]);

  return { timeline, isBusy: asked !== answered, failure };
}
