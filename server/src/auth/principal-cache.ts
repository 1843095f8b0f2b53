// Principals by credential for a few seconds, so that a page of thumbnails does not cost one query a picture.

import type { Clock } from '@sitecast/shared/runtime/clock';
import type { Principal } from './principal.ts';

export const MAX_CACHED_PRINCIPALS = 1_000;
/** What was revoked by another process still works this long; what this one revokes ends at once. */
const CACHED_MS = 15_000;

interface Entry {
  principal: Principal;
  readAtMs: number;
}

/** Bound: MAX_CACHED_PRINCIPALS, drop-oldest. */
export class PrincipalCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly counters = { loginsForgotten: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param load asked when nothing fresh is cached; undefined is not cached. */
  async get(key: string, load: () => Promise<Principal | undefined>): Promise<Principal | undefined> {
    const entry = this.#entries.get(key);
    if (entry && this.#clock.monotonicMs() - entry.readAtMs < CACHED_MS) return entry.principal;
    this.#entries.delete(key);
    const principal = await load();
    if (principal) this.#keep(key, principal);
    return principal;
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  forgetUser(userId: string): void {
    for (const [key, { principal }] of this.#entries)
      if (principal.userId === userId) this.#entries.delete(key);
  }

  #keep(key: string, principal: Principal): void {
    if (this.#entries.size >= MAX_CACHED_PRINCIPALS) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined && this.#entries.delete(oldest)) this.counters.loginsForgotten += 1;
    }
    this.#entries.set(key, { principal, readAtMs: this.#clock.monotonicMs() });
  }
}
