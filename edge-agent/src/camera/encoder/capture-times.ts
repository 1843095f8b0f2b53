// When the picture was captured that an encoder has just encoded: input and output have the same timeline, each from its start.

/** Pictures that are in the encoder; more than it ever holds back. Policy: drop-oldest. Bounds in edge-agent/README.md. */
export const CAPTURE_TIMES_MAX = 1_024;
/** Timescales round times. */
const TOLERANCE_S = 0.002;

export class CaptureTimes {
  readonly #entries: { atS: number; capturedAtUs: number }[] = [];
  #startS: number | undefined;

  /** A picture goes in. */
  note({ decodeTimeS, capturedAtUs }: { decodeTimeS: number; capturedAtUs: number }): void {
    this.#startS ??= decodeTimeS;
    this.#entries.push({ atS: decodeTimeS - this.#startS, capturedAtUs });
    if (this.#entries.length > CAPTURE_TIMES_MAX) this.#entries.shift();
  }

  /**
   * A picture comes out, `atS` seconds after the first one; those before it are forgotten.
   * @returns microseconds since 1970; undefined before anything went in.
   */
  capturedAtUs(atS: number): number | undefined {
    const next = this.#entries.findIndex((entry) => entry.atS > atS + TOLERANCE_S);
    const found = next === -1 ? this.#entries.length - 1 : Math.max(0, next - 1);
    this.#entries.splice(0, found);
    return this.#entries[0]?.capturedAtUs;
  }
}
