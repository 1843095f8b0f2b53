// When each of a stream's recent frames came in: turns the sequence that a player shows into an age. One for all viewers.

const FRAMES = 2_048;

export class FrameTimeline {
  readonly #sequences = new Float64Array(FRAMES).fill(-1);
  readonly #acceptedAtMs = new Float64Array(FRAMES);

  /** @param acceptedAtMs monotonic. */
  add(sequence: number, acceptedAtMs: number): void {
    this.#sequences[sequence % FRAMES] = sequence;
    this.#acceptedAtMs[sequence % FRAMES] = acceptedAtMs;
  }

  /** @returns undefined for a frame that is not known, or no longer. */
  acceptedAtMs(sequence: number): number | undefined {
    return this.#sequences[sequence % FRAMES] === sequence
      ? this.#acceptedAtMs[sequence % FRAMES]
      : undefined;
  }

  /** Sequences begin anew. */
  clear(): void {
    this.#sequences.fill(-1);
  }
}
