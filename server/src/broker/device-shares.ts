// What each device has left of a listener. Kept after its last connection until it is whole again, so that nobody gets a new
// one by coming anew.

import { DeviceShare } from '@sitecast/shared/node/device-share';
import type { Clock } from '@sitecast/shared/runtime/clock';
import { TokenBucket } from '@sitecast/shared/runtime/token-bucket';
import type { ListenerName } from './access.ts';
import type { BrokerLimits } from './limits.ts';

/** Of one device on one listener. */
export interface Allowance {
  readonly share: DeviceShare;
  /** What it is told of messages that were dropped. */
  readonly notices: TokenBucket;
}

export interface DeviceSharesOptions {
  limits: BrokerLimits;
  clock: Clock;
}

interface Entry extends Allowance {
  connections: number;
}

export class DeviceShares {
  readonly #options: DeviceSharesOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: DeviceSharesOptions) {
    this.#options = options;
  }

  /** For one connection of the device; `release` it. */
  claim(listener: ListenerName, id: string): Allowance {
    const key = `${listener}/${id}`;
    const entry = this.#entries.get(key) ?? this.#create(listener);
    entry.connections += 1;
    this.#entries.set(key, entry);
    return entry;
  }

  release(listener: ListenerName, id: string): void {
    const entry = this.#entries.get(`${listener}/${id}`);
    if (entry) entry.connections -= 1;
  }

  /** To be called now and then. */
  forgetUnused(): void {
    for (const [key, { connections, share }] of this.#entries) {
      if (connections === 0 && share.isUnused) this.#entries.delete(key);
    }
  }

  #create(listener: ListenerName): Entry {
    const { limits, clock } = this.#options;
    const { messagesPerSecond, messagesBurst, bytesPerSecond, bytesBurst, noticesPerSecond } = limits;
    // Live pictures have bounds of their own, and a rate would only make them late.
    const rate =
      listener === 'data'
        ? {
            messages: this.#bucket(messagesPerSecond, messagesBurst),
            bytes: this.#bucket(bytesPerSecond, bytesBurst),
          }
        : undefined;
    return {
      share: new DeviceShare({
        maxHeldBytes: limits[listener].maxHeldBytesPerDevice,
        rate,
        worthlessCost: limits.droppedMessageCost,
        clock,
      }),
      notices: this.#bucket(noticesPerSecond, limits.noticesBurst),
      connections: 0,
    };
  }

  #bucket(perSecond: number, burst: number): TokenBucket {
    const { limits, clock } = this.#options;
    return new TokenBucket({ perSecond, burst, maxDebt: (perSecond * limits.maxRateWaitMs) / 1000, clock });
  }
}
