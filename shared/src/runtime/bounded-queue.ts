// A first-in first-out queue that is bounded in items and bytes, and counts what it turned away.

export type FullPolicy = 'drop-oldest' | 'reject';

export interface BoundedQueueOptions<T> {
  maxItems: number;
  maxBytes: number;
  policy: FullPolicy;
  bytesOf: (item: T) => number;
}

export class BoundedQueue<T> {
  readonly #options: BoundedQueueOptions<T>;
  #items: T[] = [];
  #head = 0;
  #bytes = 0;
  #itemsDropped = 0;

  constructor(options: BoundedQueueOptions<T>) {
    this.#options = options;
  }

  get length(): number {
    return this.#items.length - this.#head;
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
    const itemBytes = this.#options.bytesOf(item);
    if (itemBytes > this.#options.maxBytes || (this.#options.policy === 'reject' && !this.#fits(itemBytes))) {
      this.#itemsDropped += 1;
      return false;
    }
    while (!this.#fits(itemBytes)) {
      this.shift();
      this.#itemsDropped += 1;
    }
    this.#items.push(item);
    this.#bytes += itemBytes;
    return true;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head] as T;
    this.#items[this.#head] = undefined as T;
    this.#head += 1;
    this.#bytes -= this.#options.bytesOf(item);
    if (this.#head > 64 && this.#head * 2 > this.#items.length) this.#compact();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #fits(itemBytes: number): boolean {
    return this.length + 1 <= this.#options.maxItems && this.#bytes + itemBytes <= this.#options.maxBytes;
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
