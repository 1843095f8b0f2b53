import { describe, expect, it } from 'vitest';
import { MIB } from '@sitecast/shared/protocol/limits';
import type { Clip, ClipEvent } from '../src/clips/clip-api.ts';
import {
  entriesOf,
  keptOf,
  nextToRead,
  stateOf,
  withFirstPage,
  type ClipEntry,
  type ClipsRead,
} from '../src/clips/clip-entry.ts';
import { isMoving, phaseOf, type PhaseParts } from '../src/clips/clip-phase.ts';

const NOW_MS = Date.UTC(2026, 4, 4, 12);
const MINUTE_MS = 60_000;
const at = (minutesAgo: number): string => new Date(NOW_MS - minutesAgo * MINUTE_MS).toISOString();

const clip = (id: string, minutesAgo: number): Clip => ({
  ...{ id, site: 'yard', camera: 'front', startedAt: at(minutesAgo), receivedAt: at(minutesAgo - 1) },
  ...{ durationMs: 15_000, reason: 'motion', codec: 'avc1.64001f', width: 640, height: 360, bytes: 1_000 },
  snapshotId: null,
});
const event = (clipId: string, minutesAgo: number, detail: string | null = '15.0 s, 2.0 MiB'): ClipEvent => ({
  ...{ id: `e-${clipId}`, site: 'yard', camera: 'front', clipId, at: at(minutesAgo), detail },
  until: detail === null ? null : at(minutesAgo - 0.25),
});
const read = (
  clips: Clip[],
  events: ClipEvent[],
  { clips: moreClips = false, events: moreEvents = false } = {},
): ClipsRead => ({
  clips: { items: clips, nextCursor: moreClips ? 'c' : null },
  events: { items: events, nextCursor: moreEvents ? 'e' : null },
});
const idsOf = (entries: ClipEntry[]): string[] => entries.map(({ id }) => id);
const entryOf = (found: ClipsRead): ClipEntry => entriesOf(found)[0]!;

describe('the list of clips', () => {
  it('has each clip once, with its event, newest first, and those that are on a gateway only', () => {
    const entries = entriesOf(read([clip('B', 20), clip('A', 30)], [event('C', 10), event('B', 20.1)]));
    expect(idsOf(entries)).toEqual(['C', 'B', 'A']);
    expect(entries.map(({ clip: here, event: told }) => [here?.id, told?.clipId])).toEqual([
      [undefined, 'C'],
      ['B', 'B'],
      ['A', undefined],
    ]);
  });

  it('shows nothing older than what has been read of both lists, for something may come between', () => {
    const more = read([clip('D', 10), clip('A', 90)], [event('D', 10), event('C', 20)], { events: true });
    expect(idsOf(entriesOf(more))).toEqual(['D', 'C']);
    expect(nextToRead(more)).toBe('events');
    const all = read([clip('D', 10), clip('A', 90)], [event('D', 10), event('C', 20), event('B', 60)]);
    expect(idsOf(entriesOf(all))).toEqual(['D', 'C', 'B', 'A']);
    expect(nextToRead(all)).toBeUndefined();
  });

  it('does not call a clip one of the gateway only because its page has not been read', () => {
    // The clip of this event began some seconds before it was told of, on the next page.
    const found = read([clip('B', 20)], [event('B', 20), event('A', 19.9)], { clips: true });
    expect(idsOf(entriesOf(found))).toEqual(['B']);
  });

  it('reads the list first that keeps older entries from being shown', () => {
    const both = read([clip('B', 20)], [event('C', 40)], { clips: true, events: true });
    expect(nextToRead(both)).toBe('clips');
  });

  it('reads its first page again: what was deleted goes, what is new comes, what was read on stays', () => {
    const items = ['F', 'E', 'D', 'C', 'B'].map((id, index) => clip(id, 10 * index));
    const before = { items, nextCursor: 'after-B' };
    const page = { items: [clip('G', -10), items[0]!, items[2]!], nextCursor: 'after-D' };
    const after = withFirstPage(before, page);
    expect([after.items.map(({ id }) => id), after.nextCursor]).toEqual([
      ['G', 'F', 'D', 'C', 'B'],
      'after-B',
    ]);
  });

  it('begins anew when so many came that the first page does not reach what was read', () => {
    const before = { items: [clip('A', 90)], nextCursor: 'after-A' };
    const page = { items: [clip('D', 1), clip('C', 2)], nextCursor: 'after-C' };
    expect(withFirstPage(before, page)).toBe(page);
  });
});

describe('a clip', () => {
  it('of an event is as long and as large as its end says', () => {
    expect(keptOf(event('A', 5, '17.5 s, 2.4 MiB'))).toEqual({
      durationMs: 17_500,
      bytes: 2.4 * MIB,
      cut: undefined,
    });
    expect(keptOf(event('A', 5, '3.0 s, 0.1 MiB, cut because the agent stopped'))?.cut).toBe(
      'cut because the agent stopped',
    );
    expect(keptOf(event('A', 5, 'Nothing was kept: no picture came'))).toBeUndefined();
    expect(keptOf(event('A', 5, null))).toBeUndefined();
  });

  it.each([
    ['here', read([clip('A', 5)], [event('A', 5)])],
    ['gateway', read([], [event('A', 5)])],
    ['lost', read([], [event('A', 5, 'Nothing was kept: no picture came')])],
    ['recording', read([], [event('A', 1, null)])],
    ['unheard', read([], [event('A', 60, null)])],
  ])('is %s by what is known of it', (state, found) => {
    expect(stateOf(entryOf(found), NOW_MS)).toBe(state);
  });

  const parts = (given: Partial<PhaseParts> = {}): PhaseParts => ({
    ...{ arriving: undefined, fetch: undefined, nowMs: NOW_MS },
    ...given,
  });

  it('goes from the gateway to the server by what the server tells, and says where it stands still', () => {
    const entry = entryOf(read([], [event('A', 5)]));
    const arriving = (receivedBytes: number, secondsAgo: number): PhaseParts['arriving'] => {
      const changedAt = new Date(NOW_MS - secondsAgo * 1_000).toISOString();
      return { id: 'A', bytes: 100, receivedBytes, changedAt };
    };
    expect(phaseOf(entry, parts())).toEqual({ kind: 'gateway', refusal: undefined });
    const asked = phaseOf(entry, parts({ fetch: { kind: 'asked', atMs: NOW_MS - 1_000 } }));
    expect([asked, isMoving(asked)]).toEqual([{ kind: 'asked', isLate: false }, true]);
    const late = phaseOf(entry, parts({ fetch: { kind: 'asked', atMs: NOW_MS - 5 * MINUTE_MS } }));
    expect([late, isMoving(late)]).toEqual([{ kind: 'asked', isLate: true }, false]);
    const half = phaseOf(entry, parts({ fetch: { kind: 'asked', atMs: NOW_MS }, arriving: arriving(50, 2) }));
    expect(half).toEqual({ kind: 'arriving', bytes: 100, receivedBytes: 50, isIdle: false });
    const stopped = phaseOf(entry, parts({ arriving: arriving(50, 300) }));
    expect([stopped, isMoving(stopped)]).toMatchObject([{ kind: 'arriving', isIdle: true }, false]);
    const here = entryOf(read([clip('A', 5)], []));
    expect(phaseOf(here, parts({ arriving: arriving(100, 0) }))).toEqual({ kind: 'here' });
  });

  it('that the gateway refused or no longer has says so', () => {
    const entry = entryOf(read([], [event('A', 5)]));
    const error = new Error('refused');
    expect(phaseOf(entry, parts({ fetch: { kind: 'refused', error } }))).toEqual({
      kind: 'gateway',
      refusal: error,
    });
    expect(phaseOf(entry, parts({ fetch: { kind: 'gone' } }))).toEqual({ kind: 'gone' });
    const unheard = entryOf(read([], [event('A', 60, null)]));
    expect(phaseOf(unheard, parts({ fetch: { kind: 'refused', error } }))).toMatchObject({ refusal: error });
  });
});
