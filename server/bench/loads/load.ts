// What a load generator offers to the process that started it.

export interface Load<Report> {
  /** Forgets what was counted so far. */
  reset(): void;
  /** What was counted since; plain JSON. */
  report(): Report;
  /** Sends no more, and waits a while for what is not acknowledged yet. */
  finish?(): Promise<void>;
}
