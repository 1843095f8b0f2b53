import { describe, expect, it } from 'vitest';
import { nextKind, shortfallOf, surplusOf, type Stored } from '../../src/retention/marks.ts';

const OLD = new Date('2026-01-01T00:00:00Z');
const NEW = new Date('2026-02-01T00:00:00Z');
const stored = (snapshots: number, clips: number): Stored => ({
  snapshots: { items: 1, bytes: snapshots },
  clips: { items: 1, bytes: clips },
});

describe('the marks', () => {
  it('begin above 95 % and end at 90 %, so that deleting comes in runs', () => {
    expect([surplusOf(95, 100), surplusOf(96, 100), surplusOf(200, 100)]).toEqual([0, 6, 110]);
  });

  it('free a disk before the server says that it is not ready, and not one that cannot be asked', () => {
    const disk = { totalBytes: 10_000, minFreeBytes: 1_000, isWritable: true };
    expect(shortfallOf({ ...disk, freeBytes: 1_250 })).toBe(0);
    expect(shortfallOf({ ...disk, freeBytes: 1_249 })).toBe(251);
    expect(shortfallOf({ ...disk, totalBytes: 0, freeBytes: 0 })).toBe(0);
  });

  it('take the oldest first, whichever kind it is', () => {
    expect(nextKind({ snapshots: OLD, clips: NEW }, stored(50, 50), 100)).toBe('snapshots');
    expect(nextKind({ snapshots: NEW, clips: OLD }, stored(50, 50), 100)).toBe('clips');
  });

  it('leave a kind alone that is small while the other is large', () => {
    expect(nextKind({ snapshots: OLD, clips: NEW }, stored(20, 80), 100)).toBe('clips');
    expect(nextKind({ snapshots: OLD, clips: NEW }, stored(20, 80), undefined)).toBe('clips');
  });

  it('take what there is where only one kind may go, and nothing where none may', () => {
    expect(nextKind({ snapshots: OLD, clips: undefined }, stored(5, 95), 100)).toBe('snapshots');
    expect(nextKind({ snapshots: undefined, clips: undefined }, stored(50, 50), 100)).toBeUndefined();
  });
});
