// What one device may take of a listener, over all its connections together: bytes held, and messages and bytes a second.
// Outlives the connections: whoever is at a bound does not get past it by coming anew. Owns a timer while somebody waits.

import type { Clock, Timer } from '../runtime/clock.ts';
import type { TokenBucket } from '../runtime/token-bucket.ts';

/** A connection that waits to be read again. */
export interface Reader {
  wake(): void;
}

export interface DeviceRate {
  /** A token is a packet of any kind. */
  messages: TokenBucket;
  bytes: TokenBucket;
}

export interface DeviceShareOptions {
  /** Being received or in handlers. Above it no new packet is begun. */
  maxHeldBytes: number;
  /** Left out, as fast as it comes. */
  rate?: DeviceRate;
  /** What a message that is good for nothing costs, as a multiple of a good one. */
  worthlessCost: number;
  clock: Clock;
}

/** Read at once from a device with a rate. */
const MAX_PACKETS_A_READ = 64;
/** A device at its bound is read that seldom, and not for every packet. */
const WAKE_PAUSE_MS = 50;

export class DeviceShare {
  readonly #options: DeviceShareOptions;
  readonly #waiting = new Set<Reader>();
  #turn: Reader | undefined;
  #heldBytes = 0;
  #timer: Timer | undefined;

  constructor(options: DeviceShareOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether it can be forgotten: a new one would be no different. */
  get isUnused(): boolean {
    const { rate } = this.#options;
    if (this.#heldBytes > 0 || this.#waiting.size > 0) return false;
    return !rate || (rate.messages.isFull && rate.bytes.isFull);
  }

  /** @returns why `reader` may begin no new packet now. Whoever comes while others wait stands behind them. */
  boundOf(reader: Reader): 'share' | 'rate' | undefined {
    return this.#bound() ?? (this.#waiting.size > 0 && reader !== this.#turn ? 'rate' : undefined);
  }

  /** How many packets may be read at once: no more than there is left to pay for if each of them is worthless. */
  get maxPackets(): number {
    const { rate, worthlessCost } = this.#options;
    if (!rate) return Infinity;
    return Math.max(1, Math.min(MAX_PACKETS_A_READ, Math.floor(rate.messages.tokens / worthlessCost)));
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes;
    if (bytes < 0) this.#wakeWhenThereIsRoom();
  }

  /** What was read. */
  spend(packets: number, bytes: number): void {
    const { rate } = this.#options;
    rate?.messages.spend(packets);
    rate?.bytes.spend(bytes);
  }

  /** A message was good for nothing; as a message it has been counted already. */
  spendOnWorthless(): void {
    const { rate, worthlessCost } = this.#options;
    rate?.messages.spend(worthlessCost - 1);
  }

  wait(reader: Reader): void {
    this.#waiting.add(reader);
    this.#wakeWhenThereIsRoom();
  }

  forget(reader: Reader): void {
    this.#waiting.delete(reader);
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #bound(): 'share' | 'rate' | undefined {
    const { maxHeldBytes, rate } = this.#options;
    if (this.#heldBytes >= maxHeldBytes) return 'share';
    return rate && (rate.messages.tokens < 1 || rate.bytes.tokens < 1) ? 'rate' : undefined;
  }

  // Bytes that are released come here by themselves; room in a rate comes with time alone.
  #wakeWhenThereIsRoom(): void {
    const { maxHeldBytes, rate, clock } = this.#options;
    if (this.#timer || this.#waiting.size === 0 || this.#heldBytes >= maxHeldBytes) return;
    const neededMs = rate ? Math.max(rate.messages.msUntil(1), rate.bytes.msUntil(1)) : 0;
    const delayMs = neededMs > 0 ? Math.max(neededMs, WAKE_PAUSE_MS) : 0;
    this.#timer = clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#wakeInTurn();
    });
  }

  // One that floods reads once and then stands behind the others: a PINGREQ on another connection does not wait for ever.
  #wakeInTurn(): void {
    for (const reader of [...this.#waiting]) {
      if (this.#bound()) break;
      this.#waiting.delete(reader);
      this.#turn = reader;
      reader.wake();
    }
    this.#turn = undefined;
    this.#wakeWhenThereIsRoom();
  }
}
