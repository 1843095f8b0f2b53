// How a rule moves with one of its subjects, and with nothing else: time and verdicts in, phases out.

/**
 * `ok`: the condition does not hold. `pending`: it holds, not for `forMs` yet; one look at which it does not leads back.
 * `firing`: there is an alert. `clearing`: there still is, but it is over, not for `clearMs` yet; one look at which it is not leads
 * back to `firing`, to the same alert. Only `clearing` leads to `ok`: the alert is resolved.
 */
export type Phase = 'ok' | 'pending' | 'firing' | 'clearing';

/** `between`: not beyond the limit, and not back at the value where it is over (hysteresis). */
export type Verdict = 'bad' | 'between' | 'good';

export interface Standing {
  phase: Phase;
  /** When the phase began. */
  sinceMs: number;
}

export interface Durations {
  forMs: number;
  clearMs: number;
}

/** @returns the same object when nothing changes. */
export function move(standing: Standing, verdict: Verdict, nowMs: number, durations: Durations): Standing {
  const { phase, sinceMs } = standing;
  const { forMs, clearMs } = durations;
  const lastedMs = nowMs - sinceMs;
  const to = (next: Phase): Standing => ({ phase: next, sinceMs: nowMs });
  switch (phase) {
    case 'ok':
      if (verdict !== 'bad') return standing;
      return to(forMs === 0 ? 'firing' : 'pending');
    case 'pending':
      if (verdict !== 'bad') return to('ok');
      return lastedMs >= forMs ? to('firing') : standing;
    case 'firing':
      return verdict === 'good' ? to('clearing') : standing;
    case 'clearing':
      if (verdict !== 'good') return to('firing');
      return lastedMs >= clearMs ? to('ok') : standing;
  }
}
