// Bytes are reserved before they are allocated, area by area, against one total. The server's byte ledger.

export interface ByteBudgetSnapshot {
  budgetBytes: number;
  reservedBytes: number;
  refusals: number;
  areas: Record<string, number>;
}

export class ByteBudget {
  readonly #budgetBytes: number;
  readonly #areas = new Map<string, number>();
  #reservedBytes = 0;
  #refusals = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** @returns false, and reserves nothing, when the total would go above the budget. */
  tryReserve(area: string, bytes: number): boolean {
    if (this.#reservedBytes + bytes > this.#budgetBytes) {
      this.#refusals += 1;
      return false;
    }
    this.#add(area, bytes);
    return true;
  }

  release(area: string, bytes: number): void {
    this.#add(area, -bytes);
  }

  snapshot(): ByteBudgetSnapshot {
    return {
      budgetBytes: this.#budgetBytes,
      reservedBytes: this.#reservedBytes,
      refusals: this.#refusals,
      areas: Object.fromEntries(this.#areas),
    };
  }

  #add(area: string, bytes: number): void {
    const areaBytes = (this.#areas.get(area) ?? 0) + bytes;
    if (areaBytes < 0) throw new TypeError(`${area} released ${-areaBytes} bytes more than it had reserved`);
    this.#areas.set(area, areaBytes);
    this.#reservedBytes += bytes;
  }
}
