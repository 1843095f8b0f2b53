// The retained status message: online while connected, offline on goodbye, and as Will when there was none.

import { encodeJson } from '@sitecast/shared/protocol/json-message';
import type { AgentStatus } from '@sitecast/shared/protocol/status';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';

export interface AgentStatusOptions {
  address: AgentAddress;
  version: string;
  bootId: string;
  /** Of an agent that signs. */
  publicKey?: string | undefined;
  clock?: Clock;
}

export class AgentStatusMessage {
  readonly topic: string;
  readonly #options: AgentStatusOptions;
  readonly #clock: Clock;

  constructor(options: AgentStatusOptions) {
    this.topic = topics.status(options.address);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** With the time of this call as `since`. */
  encode(state: AgentStatus['state']): Uint8Array {
    const { version, bootId, publicKey } = this.#options;
    const status: AgentStatus = {
      state,
      since: new Date(this.#clock.nowMs()).toISOString(),
      version,
      bootId,
      ...(publicKey !== undefined && { publicKey }),
    };
    return encodeJson(status);
  }
}
