// Which sensors and series the site broker has let in, at most so many: a device that makes up names must not fill the server.
// Policy: reject, until the agent starts anew.

export interface SeriesBookOptions {
  maxSensors: number;
  maxSeries: number;
  /** Ids that others use already. */
  reserved: readonly string[];
}

/** The metrics that may go on, or why nothing may. */
export type Admission = { metrics: ReadonlySet<string> } | { refused: string };

interface Sensor {
  source: string;
  metrics: Set<string>;
}

export class SeriesBook {
  readonly #options: SeriesBookOptions;
  readonly #sensors = new Map<string, Sensor>();
  #series = 0;
  /** Metrics of messages that found no room, and sensors. */
  seriesRefused = 0;

  constructor(options: SeriesBookOptions) {
    this.#options = options;
  }

  get sensors(): number {
    return this.#sensors.size;
  }

  get series(): number {
    return this.#series;
  }

  /** @param source who says so: two devices with the same id are told apart by it. */
  admit(sensor: string, source: string, metrics: Iterable<string>): Admission {
    const known = this.#sensors.get(sensor) ?? this.#enter(sensor, source);
    if (typeof known === 'string') return { refused: known };
    if (known.source !== source) return { refused: `"${sensor}" is already the id of ${known.source}` };
    const asked = [...metrics];
    const admitted = asked.filter((metric) => this.#admitMetric(known, metric));
    this.seriesRefused += asked.length - admitted.length;
    if (admitted.length > 0) return { metrics: new Set(admitted) };
    return { refused: `there are ${this.#options.maxSeries} series already` };
  }

  #enter(sensor: string, source: string): Sensor | string {
    const { reserved, maxSensors, maxSeries } = this.#options;
    if (reserved.includes(sensor)) return `"${sensor}" is the id of a sensor of the configuration`;
    if (this.#sensors.size >= maxSensors || this.#series >= maxSeries) {
      this.seriesRefused += 1;
      return this.#series >= maxSeries
        ? `there are ${maxSeries} series already`
        : `there are ${maxSensors} sensors already`;
    }
    const entered = { source, metrics: new Set<string>() };
    this.#sensors.set(sensor, entered);
    return entered;
  }

  #admitMetric({ metrics }: Sensor, metric: string): boolean {
    if (metrics.has(metric)) return true;
    if (this.#series >= this.#options.maxSeries) return false;
    metrics.add(metric);
    this.#series += 1;
    return true;
  }
}
