// Many callers at the same time, one statement: while one is under way, the next one's items gather. So a site that comes back with
// a hundred devices takes one connection of the pool, not all of them.

import { AppError } from '@sitecast/shared/runtime/app-error';

/** Items that gather (`reject`): no more devices than that can be connected. */
export const COALESCED_WAITING_MAX = 1_000;
const BATCH_MAX = 200;

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

export class Coalesced<Item, Result> {
  /** Answers all of them, in their order. */
  readonly #run: (items: Item[]) => Promise<Result[]>;
  readonly #maxWaiting: number;
  readonly #waiting: Waiting<Item, Result>[] = [];
  #isRunning = false;
  #refused = 0;

  constructor(run: (items: Item[]) => Promise<Result[]>, { maxWaiting = COALESCED_WAITING_MAX } = {}) {
    this.#run = run;
    this.#maxWaiting = maxWaiting;
  }

  /** Since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** The statement begins after the call, never before it. Rejects with what the statement rejects with, or STORE_UNAVAILABLE. */
  ask(item: Item): Promise<Result> {
    if (this.#waiting.length >= this.#maxWaiting) {
      this.#refused += 1;
      const message = `${this.#maxWaiting} wait for the same statement already`;
      return Promise.reject(new AppError('STORE_UNAVAILABLE', message, { retryable: true }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#isRunning) void this.#runAll();
    });
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) await this.#runBatch(this.#waiting.splice(0, BATCH_MAX));
    this.#isRunning = false;
  }

  async #runBatch(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
