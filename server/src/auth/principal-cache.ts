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

/** Bound: MAX_CACHED_PRINCIPALS, drop-oldest; those being loaded, one a credential: what the pool lets wait. */
export class PrincipalCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<Principal | undefined>>();
  readonly counters = { loginsForgotten: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param load asked when nothing fresh is cached and nobody has asked yet: a page that opens with a hundred thumbnails costs
   * one query. Neither undefined nor a failure is cached.
   */
  async get(key: string, load: () => Promise<Principal | undefined>): Promise<Principal | undefined> {
    const entry = this.#entries.get(key);
    if (entry && this.#clock.monotonicMs() - entry.readAtMs < CACHED_MS) return entry.principal;
    this.#entries.delete(key);
    return this.#loading.get(key) ?? this.#load(key, load);
  }

  /** What is being loaded may be of before, so it is not kept, and whoever asks from now on asks anew. */
  forget(key: string): void {
    this.#entries.delete(key);
    this.#loading.delete(key);
  }

  forgetUser(userId: string): void {
    // Whose those are that are being loaded is not known yet.
    this.#loading.clear();
    for (const [key, { principal }] of this.#entries)
      if (principal.userId === userId) this.#entries.delete(key);
  }

  #load(key: string, load: () => Promise<Principal | undefined>): Promise<Principal | undefined> {
    const isCurrent = (): boolean => this.#loading.get(key) === loading;
    const loading = load()
      .then((principal) => {
        if (principal && isCurrent()) this.#keep(key, principal);
        return principal;
      })
      .finally(() => isCurrent() && this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  #keep(key: string, principal: Principal): void {
    if (this.#entries.size >= MAX_CACHED_PRINCIPALS) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined && this.#entries.delete(oldest)) this.counters.loginsForgotten += 1;
    }
    this.#entries.set(key, { principal, readAtMs: this.#clock.monotonicMs() });
  }
}
