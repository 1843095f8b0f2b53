// What a scan found: how much of it, and the first few by name. Never grows with what is scanned.

const EXAMPLES_MAX = 5;

export class Tally {
  count = 0;
  bytes = 0;
  repaired = 0;
  /** Bound: EXAMPLES_MAX. */
  readonly examples: string[] = [];

  add(name: string, bytes = 0): void {
    this.count += 1;
    this.bytes += bytes;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(name);
  }

  get remaining(): number {
    return this.count - this.repaired;
  }

  toText(): string {
    const more = this.count > this.examples.length ? ', ...' : '';
    return this.count === 0 ? '' : ` (${this.examples.join(', ')}${more})`;
  }
}
