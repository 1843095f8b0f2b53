// The list of clips: read page by page over HTTP, the first page again and again, faster while something about it is moving.

import { useCallback, useEffect, useMemo, useState } from 'react';
import { useFleet } from '../state/hooks.ts';
import { clipApi, type ArrivingClip, type ClipFilter } from './clip-api.ts';
import {
  entriesOf,
  nextToRead,
  withFirstPage,
  type ClipEntry,
  type ClipsRead,
  type ReadSoFar,
} from './clip-entry.ts';
import { isMoving, phaseOf, type ClipPhase } from './clip-phase.ts';
import { useFetches } from './fetches.ts';

/** The page holds at most this many; older ones are found by the filter. */
const MAX_ITEMS = 480;
const REREAD_MS = 15_000;
const REREAD_MOVING_MS = 3_000;

export interface PhasedClip extends ClipEntry {
  phase: ClipPhase;
}

export interface ClipList {
  clips: PhasedClip[];
  isLoaded: boolean;
  failure: unknown;
  /** undefined when there is no more to read. */
  readMore: (() => void) | undefined;
  reread: () => void;
}

interface Reading {
  /** Of what it is. */
  asked: string;
  read: ClipsRead;
  arriving: ArrivingClip[];
  atMs: number;
}

/** Newest first. */
export function useClips(filter: ClipFilter, pageItems: number): ClipList {
  const asked = JSON.stringify(filter);
  const [reading, setReading] = useState<Reading | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const [rereads, setRereads] = useState(0);
  const current = reading?.asked === asked ? reading : undefined;
  const clips = usePhases(current);
  const isBusy = clips.some(({ phase }) => isMoving(phase));
  const changes = useFleet(({ clipChanges }) => clipChanges);

  useEffect(() => {
    let isWanted = true;
    const look = (): void => {
      readFirst(asked, pageItems).then(
        (found) => {
          if (!isWanted) return;
          setReading((before) =>
            before?.asked === asked ? { ...found, read: withFirst(before.read, found.read) } : found,
          );
          setFailure(undefined);
        },
        (error: unknown) => {
          if (isWanted) setFailure(error);
        },
      );
    };
    look();
    const timer = setInterval(
      () => {
        if (document.visibilityState === 'visible') look();
      },
      isBusy ? REREAD_MOVING_MS : REREAD_MS,
    );
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [asked, pageItems, changes, rereads, isBusy]);

  const readMore = (): void => {
    if (current === undefined) return;
    readOlder(current, pageItems).then(
      (read) =>
        setReading((now) => (now?.asked === asked ? { ...now, read: withFirst(read, now.read) } : now)),
      setFailure,
    );
  };
  const hasMore = current !== undefined && nextToRead(current.read) !== undefined && clips.length < MAX_ITEMS;
  const reread = useCallback(() => setRereads((times) => times + 1), []);
  return {
    clips,
    isLoaded: current !== undefined,
    failure,
    readMore: hasMore ? readMore : undefined,
    reread,
  };
}

function usePhases(reading: Reading | undefined): PhasedClip[] {
  const fetches = useFetches();
  const entries = useMemo(() => (reading === undefined ? [] : entriesOf(reading.read)), [reading]);
  return useMemo(() => {
    if (reading === undefined) return [];
    const { atMs: nowMs } = reading;
    const arriving = new Map(reading.arriving.map((one) => [one.id, one]));
    return entries.slice(0, MAX_ITEMS).map((entry) => {
      const { id } = entry;
      const phase = phaseOf(entry, { arriving: arriving.get(id), fetch: fetches[id], nowMs });
      return { ...entry, phase };
    });
  }, [entries, reading, fetches]);
}

async function readFirst(asked: string, limit: number): Promise<Reading> {
  const filter = JSON.parse(asked) as ClipFilter;
  // Before the lists: what has just arrived would be in neither.
  const arriving = await clipApi.arriving();
  const [clips, events] = await Promise.all([
    clipApi.clips(filter, { limit }),
    clipApi.events(filter, { limit }),
  ]);
  return { asked, read: { clips, events }, arriving, atMs: Date.now() };
}

function withFirst(before: ClipsRead, first: ClipsRead): ClipsRead {
  return {
    clips: withFirstPage(before.clips, first.clips),
    events: withFirstPage(before.events, first.events),
  };
}

/** A page of each list at most: where both have the same clips, one alone would show nothing more. */
async function readOlder({ asked, read }: Reading, limit: number): Promise<ClipsRead> {
  const filter = JSON.parse(asked) as ClipFilter;
  let { clips, events } = read;
  for (let pages = 0; pages < 2; pages += 1) {
    const list = nextToRead({ clips, events });
    if (list === 'clips')
      clips = longer(clips, await clipApi.clips(filter, { limit, cursor: clips.nextCursor }));
    if (list === 'events')
      events = longer(events, await clipApi.events(filter, { limit, cursor: events.nextCursor }));
  }
  return { clips, events };
}

function longer<Item>(before: ReadSoFar<Item>, { items, nextCursor }: ReadSoFar<Item>): ReadSoFar<Item> {
  return { items: [...before.items, ...items], nextCursor };
}
