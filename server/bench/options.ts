// What every benchmark is given.

export interface BenchOptions {
  json: boolean;
  /** Length of each measured window or phase, s; undefined: what that benchmark takes by itself. */
  seconds: number | undefined;
  rounds: number;
  /** Sizes to measure; undefined: those of PERFORMANCE figures. */
  viewers: number[] | undefined;
  slopes: boolean;
  /** Height of the pictures of the old design. */
  size: 720 | 1080;
  /** Aborted by Ctrl-C: waits end, and what was started is stopped. */
  signal: AbortSignal;
}
