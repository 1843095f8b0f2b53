import { describe, expect, it } from 'vitest';
import type { SealBody } from '@sitecast/shared/protocol/evidence';
import { ulid } from 'ulid';
import { Trust } from '../../src/evidence/trust.ts';

const STARTED_MS = Date.UTC(2026, 2, 1, 9);

const seal = (given: Partial<SealBody>): SealBody => ({
  chain: ulid(STARTED_MS),
  sequence: 1,
  previousSha256: null,
  at: new Date(STARTED_MS + 67_000).toISOString(),
  unsealedFrom: null,
  readings: [],
  snapshots: [],
  gaps: [],
  ...given,
});

describe('Trust', () => {
  it('knows what is from before the gateway signed by the begin of its first chain, not by its first seal', () => {
    const trust = new Trust([], Infinity);
    trust.learn(seal({}));
    expect(trust.isBeforeSigning(STARTED_MS - 1)).toBe(true);
    expect(trust.isBeforeSigning(STARTED_MS)).toBe(false);
    trust.learn(seal({ sequence: 2, at: new Date(STARTED_MS + 127_000).toISOString() }));
    expect(trust.isBeforeSigning(STARTED_MS)).toBe(false);
  });

  it('goes by the first seal where the clock was set after the begin of the chain, or the begin was not read', () => {
    const set = new Trust([], Infinity);
    set.learn(seal({ chain: ulid(0) }));
    expect(set.isBeforeSigning(STARTED_MS - 10 * 60_000)).toBe(true);
    const later = new Trust([], Infinity);
    later.learn(seal({ sequence: 9, at: new Date(STARTED_MS + 3_600_000).toISOString() }));
    expect(later.isBeforeSigning(STARTED_MS)).toBe(true);
  });
});
