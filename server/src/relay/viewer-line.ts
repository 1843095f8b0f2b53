// Viewers that wait to be let in while the server is short of something. Each is told its place whenever it changes.
//
// Fair between users: the first viewer of each user comes before anybody's second, so that one wall of twenty tiles does not
// stand before everybody else. Bound: `maxWaiting`, policy reject. Owns one timer while somebody waits.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';

export interface ViewerLineOptions {
  maxWaiting: number;
  /** Let in at once when the line opens, and then each interval: all together would bring the shortage back. */
  letInAtOnce: number;
  intervalMs: number;
  retryAfterMs: number;
  clock: Clock;
}

export interface Waiting {
  userId: string;
  /** 1 is next. */
  onPlace: (place: number) => void;
  closed: AbortSignal | undefined;
}

interface Entry extends Waiting {
  /** How many of the same user stood in line when it came. */
  round: number;
  place: number;
  enter: () => void;
  leave: (error: AppError) => void;
}

export class ViewerLine {
  readonly #options: ViewerLineOptions;
  #entries: Entry[] = [];
  #isHeld = false;
  #timer: Timer | undefined;
  #refused = 0;

  constructor(options: ViewerLineOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** From now on viewers wait. */
  hold(): void {
    this.#isHeld = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Those who wait come in, a few at a time. */
  release(): void {
    this.#isHeld = false;
    this.#letIn();
  }

  /**
   * Resolves when it is the viewer's turn, at once when nobody has to wait.
   * @throws {AppError} VIEWER_LIMIT (retryable) when the line is full, BAD_REQUEST when the viewer left it, SHUTTING_DOWN.
   */
  async pass(waiting: Waiting): Promise<void> {
    if (!this.#isHeld && this.#entries.length === 0) return;
    const { maxWaiting, retryAfterMs } = this.#options;
    if (this.#entries.length >= maxWaiting) {
      this.#refused += 1;
      const detail = { limit: maxWaiting, active: this.#entries.length, retryAfterMs };
      throw new AppError('VIEWER_LIMIT', `${maxWaiting} viewers wait already`, { detail, retryable: true });
    }
    await this.#wait(waiting);
  }

  /** Everybody gets SHUTTING_DOWN. */
  close(): void {
    this.#timer?.cancel();
    const error = new AppError('SHUTTING_DOWN', 'the relay is closing', { retryable: true });
    for (const entry of this.#entries.splice(0)) entry.leave(error);
  }

  async #wait(waiting: Waiting): Promise<void> {
    let onGone: () => void = () => undefined;
    try {
      await new Promise<void>((enter, leave) => {
        const round = this.#entries.filter(({ userId }) => userId === waiting.userId).length;
        const entry: Entry = { ...waiting, round, place: 0, enter, leave };
        onGone = () => this.#remove(entry);
        waiting.closed?.addEventListener('abort', onGone, { once: true });
        this.#entries.push(entry);
        this.#tellPlaces();
      });
    } finally {
      waiting.closed?.removeEventListener('abort', onGone);
    }
  }

  #remove(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.leave(new AppError('BAD_REQUEST', 'the viewer left the line'));
    this.#tellPlaces();
  }

  #letIn(): void {
    this.#timer = undefined;
    const next = this.#inOrder().slice(0, this.#options.letInAtOnce);
    this.#entries = this.#entries.filter((entry) => !next.includes(entry));
    for (const entry of next) entry.enter();
    this.#tellPlaces();
    if (this.#entries.length > 0) {
      this.#timer = this.#options.clock.after(this.#options.intervalMs, () => this.#letIn());
    }
  }

  #tellPlaces(): void {
    for (const [index, entry] of this.#inOrder().entries()) {
      if (entry.place === index + 1) continue;
      entry.place = index + 1;
      entry.onPlace(entry.place);
    }
  }

  /** Ties by arrival: the sort is stable. */
  #inOrder(): Entry[] {
    return this.#entries.toSorted((a, b) => a.round - b.round);
  }
}
