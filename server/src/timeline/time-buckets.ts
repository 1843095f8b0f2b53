// Widths of time that people count in, from a second to four weeks.

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const BUCKETS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 7, 14, 28].map((days) => days * DAY_MS),
];

/** The widths of which at most `most` touch the range, the narrowest first; the widest of all where none is. */
export function fittingBucketsMs({ from, to }: { from: Date; to: Date }, most: number): readonly number[] {
  // One more than fit end to end: the range may begin in the middle of one.
  const fitting = BUCKETS_MS.filter((bucketMs) => (to.getTime() - from.getTime()) / bucketMs + 1 <= most);
  return fitting.length > 0 ? fitting : BUCKETS_MS.slice(-1);
}

/** The narrowest of {@link fittingBucketsMs}. */
export function bucketMsFor(range: { from: Date; to: Date }, most: number): number {
  return fittingBucketsMs(range, most)[0] as number;
}
