// Pseudo-random bytes and choices from a seed, so that a failing round can be run again.

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in 0 .. below - 1. */
  int(below: number): number;
  bytes(length: number): Uint8Array;
  pick<T>(from: readonly T[]): T;
}

/** mulberry32 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    next,
    int,
    bytes: (length) => Uint8Array.from({ length }, () => int(256)),
    pick: (from) => from[int(from.length)] as (typeof from)[number],
  };
}

/** `bytes` with a few of them changed, cut off, doubled or put in: near enough to pass the first checks of a reader. */
export function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = [...bytes];
  for (let change = random.int(4); change >= 0; change -= 1) {
    const at = random.int(copy.length + 1);
    const fresh = random.int(256);
    const kind = random.int(4);
    if (kind === 0) copy[Math.min(at, Math.max(0, copy.length - 1))] = fresh;
    else if (kind === 1) copy.splice(at, 0, fresh);
    else if (kind === 2) copy.splice(at, 1 + random.int(3));
    else copy.length = at;
  }
  return Uint8Array.from(copy);
}
