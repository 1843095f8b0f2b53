// Who may have live bytes, and until when. Nothing leaves the site without an entry here.

import type { Profile } from '@sitecast/shared/protocol/frame-header';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { streamName } from '@sitecast/shared/protocol/commands';

export interface LeaseKey {
  camera: string;
  profile: Profile;
}

export interface LeaseBookOptions {
  /** The lease was released or ran out; called once per lease. */
  onEnd: (key: LeaseKey) => void;
  clock?: Clock;
}

/** Bound: one entry per camera and profile; callers ask for known cameras only. Owns a timer an entry. */
export class LeaseBook {
  readonly #timers = new Map<string, { key: LeaseKey; timer: Timer }>();
  readonly #onEnd: LeaseBookOptions['onEnd'];
  readonly #clock: Clock;

  constructor({ onEnd, clock = systemClock }: LeaseBookOptions) {
    this.#onEnd = onEnd;
    this.#clock = clock;
  }

  holds({ camera, profile }: LeaseKey): boolean {
    return this.#timers.has(streamName(camera, profile));
  }

  /** Starts or prolongs the lease: it ends `ttlMs` from now unless it is granted again. */
  grant(key: LeaseKey, ttlMs: number): void {
    const name = streamName(key.camera, key.profile);
    this.#timers.get(name)?.timer.cancel();
    this.#timers.set(name, { key, timer: this.#clock.after(ttlMs, () => this.release(key)) });
  }

  /** Nothing happens when there is no such lease. */
  release(key: LeaseKey): void {
    const name = streamName(key.camera, key.profile);
    const entry = this.#timers.get(name);
    if (!entry) return;
    entry.timer.cancel();
    this.#timers.delete(name);
    this.#onEnd(entry.key);
  }

  releaseAll(): void {
    for (const { key } of [...this.#timers.values()]) this.release(key);
  }
}
