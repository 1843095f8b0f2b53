// The server's lease on one stream of an agent: asked for, renewed in time, asked for again when the agent was away.

import type { LeaseResult } from '@sitecast/shared/protocol/commands';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { RelayLimits } from './limits.ts';

/** Asking again does not help, or not soon. */
const FINAL = ['PROFILE_UNSUPPORTED', 'UPLINK_LIMITED', 'NOT_FOUND'];

export interface StreamLeaseOptions {
  ask: () => Promise<LeaseResult>;
  limits: RelayLimits;
  clock: Clock;
  onRenewed: (result: LeaseResult) => void;
  /** It could not be had back in time, or never will. */
  onLost: (error: unknown) => void;
}

/** Borrows everything and owns no timer: its stream ticks. */
export class StreamLease {
  readonly #options: StreamLeaseOptions;
  #heldAtMs = 0;
  #nextAskAtMs = 0;
  #isAsking = false;
  #isOver = false;

  constructor(options: StreamLeaseOptions) {
    this.#options = options;
  }

  /** @throws {AppError} what the agent, or its absence, answered. */
  async begin(): Promise<LeaseResult> {
    this.#isAsking = true;
    try {
      const result = await this.#options.ask();
      this.#held();
      return result;
    } finally {
      this.#isAsking = false;
    }
  }

  tick(): void {
    if (this.#isOver || this.#isAsking || this.#options.clock.monotonicMs() < this.#nextAskAtMs) return;
    this.#isAsking = true;
    void this.#renew().finally(() => (this.#isAsking = false));
  }

  /** With the next tick rather than when it is due. */
  renewSoon(): void {
    this.#nextAskAtMs = 0;
  }

  /** Idempotent; answers that come later are ignored. */
  end(): void {
    this.#isOver = true;
  }

  async #renew(): Promise<void> {
    const { ask, clock, limits, onRenewed, onLost } = this.#options;
    this.#nextAskAtMs = clock.monotonicMs() + limits.leaseRetryMs;
    try {
      const result = await ask();
      if (this.#isOver) return;
      this.#held();
      onRenewed(result);
    } catch (error) {
      if (this.#isOver) return;
      const isFinal = FINAL.some((code) => isAppError(error, code));
      const patienceMs = isAppError(error, 'AGENT_OFFLINE') ? limits.agentOfflineMs : limits.leaseLostMs;
      if (isFinal || clock.monotonicMs() - this.#heldAtMs > patienceMs) onLost(error);
    }
  }

  #held(): void {
    this.#heldAtMs = this.#options.clock.monotonicMs();
    this.#nextAskAtMs = this.#heldAtMs + this.#options.limits.leaseRenewMs;
  }
}
