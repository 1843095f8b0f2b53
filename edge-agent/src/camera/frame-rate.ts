// Pictures a second, by the stream's own clock, over the last few seconds.

const WINDOW = 60;
const LEAST_SAMPLES = 8;

export class FrameRateMeter {
  readonly #timescale: number;
  #decodeTimes: number[] = [];

  constructor(timescale: number) {
    this.#timescale = timescale;
  }

  add(decodeTime: number): void {
    this.#decodeTimes.push(decodeTime);
    if (this.#decodeTimes.length > WINDOW) this.#decodeTimes.shift();
  }

  /** Rounded to 0.1; undefined until enough pictures came. The median interval: bursts and gaps do not bend it. */
  get fps(): number | undefined {
    if (this.#decodeTimes.length < LEAST_SAMPLES) return undefined;
    const intervals = this.#decodeTimes.slice(1).map((time, index) => time - this.#decodeTimes[index]!);
    const median = intervals.sort((a, b) => a - b)[intervals.length >> 1]!;
    return median > 0 ? Math.min(1000, Math.round((this.#timescale / median) * 10) / 10) : undefined;
  }
}
