// A set of numbers that come almost in order: kept as ranges, so that it stays small.

export type Range = readonly [from: number, to: number];

export class SequenceRanges {
  /** Ascending, apart from each other. */
  #ranges: Range[];

  constructor(ranges: readonly Range[] = []) {
    this.#ranges = [];
    for (const [from, to] of ranges) this.add(from, to);
  }

  /** How many ranges they are. */
  get size(): number {
    return this.#ranges.length;
  }

  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  /** The highest number; 0 when there is none. */
  get last(): number {
    return this.#ranges.at(-1)?.[1] ?? 0;
  }

  has(number: number): boolean {
    return this.#ranges.some(([from, to]) => from <= number && number <= to);
  }

  /** Both ends included; nothing when `to` is below `from`. */
  add(from: number, to: number): void {
    if (to < from) return;
    const touching = this.#ranges.filter((range) => range[0] <= to + 1 && from <= range[1] + 1);
    const others = this.#ranges.filter((range) => !touching.includes(range));
    const merged: Range = [
      Math.min(from, ...touching.map(([start]) => start)),
      Math.max(to, ...touching.map(([, end]) => end)),
    ];
    this.#ranges = [...others, merged].sort((a, b) => a[0] - b[0]);
  }

  /** The numbers between `from` and `to`, both included, that are not in the set. */
  missing(from: number, to: number): Range[] {
    const missing: Range[] = [];
    let next = from;
    for (const [start, end] of this.#ranges) {
      if (end < next) continue;
      if (start > to) break;
      if (start > next) missing.push([next, start - 1]);
      next = end + 1;
    }
    if (next <= to) missing.push([next, to]);
    return missing;
  }
}
