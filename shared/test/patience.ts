/** How long a test waits for what has to come: on a machine that is busy or stands still, too. Only a failure takes it all. */
export const PATIENCE_MS = 120_000;
