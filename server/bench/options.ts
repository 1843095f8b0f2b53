// What every benchmark is given.

export interface BenchOptions {
  json: boolean;
  /** Length of each measured window, s. */
  seconds: number;
}
