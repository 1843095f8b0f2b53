// What every benchmark is given.

import type { PictureHeight } from './loads/movie.ts';

export interface BenchOptions {
  json: boolean;
  /** Length of each measured window or phase, s; undefined: what that benchmark takes by itself. */
  seconds: number | undefined;
  rounds: number;
  /** Sizes to measure; undefined: those of PERFORMANCE figures. */
  viewers: number[] | undefined;
  slopes: boolean;
  /** Height of the pictures of the old design. */
  size: PictureHeight;
  /** Of a generated year; rows count raw values, and go before days. */
  rows: number | undefined;
  days: number | undefined;
  /** Where a generated year is kept, and found again. */
  dataDir: string | undefined;
  /** Leaves the old design out of the box. */
  withoutOld: boolean;
  /** Aborted by Ctrl-C: waits end, and what was started is stopped. */
  signal: AbortSignal;
}
