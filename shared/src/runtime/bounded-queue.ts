// A first-in first-out queue that is bounded in items and bytes, and counts what it turned away.

export type FullPolicy = 'drop-oldest' | 'reject';

export interface BoundedQueueOptions<T> {
  /** At least 1. */
  maxItems: number;
  maxBytes: number;
  policy: FullPolicy;
  /** Asked once, when the item comes in. */
  bytesOf: (item: T) => number;
}

interface Entry<T> {
  item: T;
  bytes: number;
}

export class BoundedQueue<T> {
  readonly #options: BoundedQueueOptions<T>;
  #entries: (Entry<T> | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #itemsDropped = 0;

  /** @throws {TypeError} when a bound could never hold one item. */
  constructor(options: BoundedQueueOptions<T>) {
    if (!(options.maxItems >= 1 && options.maxBytes >= 0)) {
      throw new TypeError(`a queue of ${options.maxItems} items and ${options.maxBytes} bytes holds nothing`);
    }
    this.#options = options;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Dropped or rejected since the start. */
  get itemsDropped(): number {
    return this.#itemsDropped;
  }

  /** @returns false when the item was rejected: by policy, or because it alone is above the byte bound. */
  push(item: T): boolean {
    const { bytesOf, maxBytes, policy } = this.#options;
    const itemBytes = bytesOf(item);
    if (!(itemBytes >= 0)) throw new TypeError(`bytesOf gave ${itemBytes}`);
    if (itemBytes > maxBytes || (policy === 'reject' && !this.#fits(itemBytes))) {
      this.#itemsDropped += 1;
      return false;
    }
    while (!this.#fits(itemBytes)) {
      this.shift();
      this.#itemsDropped += 1;
    }
    this.#entries.push({ item, bytes: itemBytes });
    this.#bytes += itemBytes;
    return true;
  }

  shift(): T | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    this.#bytes -= entry.bytes;
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) this.#compact();
    return entry.item;
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #fits(itemBytes: number): boolean {
    return this.length + 1 <= this.#options.maxItems && this.#bytes + itemBytes <= this.#options.maxBytes;
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
