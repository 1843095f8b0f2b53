// One thing that is or is not so, judged picture by picture: it begins once it has held for a while, and ends once it has not.

export interface Patience {
  /** ms from the first picture that says so. */
  afterMs: number;
  /** And so many pictures, however far apart they are. */
  pictures: number;
}

/** `sinceMs`: of the first picture in which it was so, or no longer. */
export interface ConditionChange {
  isOpen: boolean;
  sinceMs: number;
}

export class Condition {
  readonly #begin: Patience;
  readonly #end: Patience;
  #isOpen = false;
  /** Of the pictures that say otherwise than what holds now. */
  #firstMs = 0;
  #pictures = 0;

  constructor({ begin, end }: { begin: Patience; end: Patience }) {
    this.#begin = begin;
    this.#end = end;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @param atMs rising. @returns what changed, if anything. */
  see(isSo: boolean, atMs: number): ConditionChange | undefined {
    if (isSo === this.#isOpen) {
      this.#pictures = 0;
      return undefined;
    }
    if (this.#pictures === 0) this.#firstMs = atMs;
    this.#pictures += 1;
    const { afterMs, pictures } = isSo ? this.#begin : this.#end;
    if (this.#pictures < pictures || atMs - this.#firstMs < afterMs) return undefined;
    return this.#turn(isSo, this.#firstMs);
  }

  /** What is open ends at once: there are no more pictures. */
  end(atMs: number): ConditionChange | undefined {
    if (this.#isOpen) return this.#turn(false, atMs);
    this.#pictures = 0;
    return undefined;
  }

  #turn(isOpen: boolean, sinceMs: number): ConditionChange {
    this.#isOpen = isOpen;
    this.#pictures = 0;
    return { isOpen, sinceMs };
  }
}
