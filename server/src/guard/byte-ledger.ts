// One count over the process: how many bytes each area holds that has a bound, against what all bounds together allow.

export interface LedgerArea {
  /** Bytes held now. Asked often; costs nothing. */
  heldBytes: () => number;
  /** The area refuses, waits or drops before it goes above this; rows of LIMITS.md. */
  maxBytes: number;
}

export interface LedgerReading {
  budgetBytes: number;
  reservedBytes: number;
  areas: Record<string, number>;
}

/**
 * The areas keep their own counts, which they raise before they allocate: only they know what their policy is at the bound.
 * The ledger is what sees them side by side.
 */
export class ByteLedger {
  readonly #areas: ReadonlyMap<string, LedgerArea>;
  readonly #budgetBytes: number;

  constructor(areas: Record<string, LedgerArea>) {
    this.#areas = new Map(Object.entries(areas));
    this.#budgetBytes = [...this.#areas.values()].reduce((sum, { maxBytes }) => sum + maxBytes, 0);
  }

  read(): LedgerReading {
    const areas = Object.fromEntries([...this.#areas].map(([name, area]) => [name, area.heldBytes()]));
    const reservedBytes = Object.values(areas).reduce((sum, bytes) => sum + bytes, 0);
    return { budgetBytes: this.#budgetBytes, reservedBytes, areas };
  }
}
