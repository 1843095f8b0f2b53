// What arrived at the sinks: frames, gaps in their numbers, and how old they were on arrival.

import { monotonicUs } from '../loads/picture-source.ts';

const BUCKET_MS = 0.1;
/** The last bucket holds all that is later, 5 s and more. */
const BUCKETS = 50_000;

/** Latencies of all sinks of a process, in buckets of 0.1 ms. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  add(ms: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor(ms / BUCKET_MS)));
    this.#counts[bucket]! += 1;
    this.#total += 1;
  }

  get total(): number {
    return this.#total;
  }

  /** ms below which `share` of them are; 0 without any. */
  at(share: number): number {
    let seen = 0;
    const wanted = this.#total * share;
    const bucket = this.#counts.findIndex((count) => (seen += count) >= wanted && seen > 0);
    return Math.max(0, bucket) * BUCKET_MS;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

/** The frames of one viewer. */
export class FrameMeter {
  readonly #latencies: LatencyHistogram;
  frames = 0;
  missed = 0;
  #lastSequence: number | undefined;

  constructor(latencies: LatencyHistogram) {
    this.#latencies = latencies;
  }

  get lastSequence(): number | undefined {
    return this.#lastSequence;
  }

  /** @param head the first 24 bytes of a live frame. */
  add(head: Buffer): void {
    const sequence = head.readUInt32BE(12);
    this.frames += 1;
    if (this.#lastSequence !== undefined) this.missed += Math.max(0, sequence - this.#lastSequence - 1);
    this.#lastSequence = sequence;
    this.#latencies.add((monotonicUs() - Number(head.readBigUInt64BE(16))) / 1_000);
  }

  /** A picture that tells neither its number nor its age. */
  addUndated(): void {
    this.frames += 1;
  }

  reset(): void {
    this.frames = 0;
    this.missed = 0;
  }
}
