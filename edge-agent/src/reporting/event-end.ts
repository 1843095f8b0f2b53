// When something is over that began by a clock which may have been set since.

/** Both clocks of the gateway at one moment. */
export interface Moment {
  wallMs: number;
  monotonicMs: number;
}

/** @returns ms since 1970; as long after the begin as it lasted where the clock was set back, or it would end before it began. */
export function endMsOf(began: Moment, now: Moment): number {
  const lastedMs = Math.max(now.monotonicMs - began.monotonicMs, 0);
  return Math.max(now.wallMs, Math.round(began.wallMs + lastedMs));
}
