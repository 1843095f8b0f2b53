// One list of two: clips that are on the server, and what gateways told of those that they record. Pure.

import { MAX_CLIP_MS, MIB } from '@sitecast/shared/protocol/limits';
import type { Clip, ClipEvent } from './clip-api.ts';

/** A clip of which the server knows: at least one of both. */
export interface ClipEntry {
  id: string;
  site: string;
  camera: string;
  at: string;
  clip: Clip | undefined;
  event: ClipEvent | undefined;
}

/** Newest first, from the newest on. */
export interface ReadSoFar<Item> {
  items: Item[];
  /** Null: there is no more. */
  nextCursor: string | null;
}

export interface ClipsRead {
  clips: ReadSoFar<Clip>;
  events: ReadSoFar<ClipEvent>;
}

/** The event of a clip says when it was begun, the clip when its first picture was taken. */
const APART_MS = 60_000;

const CLIP_AT = ({ startedAt }: Clip): string => startedAt;
const EVENT_AT = ({ at }: ClipEvent): string => at;

/** Newest first; none that is older than what has been read of both lists, or others would come between later. */
export function entriesOf({ clips, events }: ClipsRead): ClipEntry[] {
  const entries = new Map<string, ClipEntry>();
  for (const event of events.items) {
    const { clipId: id, site, camera, at } = event;
    entries.set(id, { id, site, camera, at, clip: undefined, event });
  }
  for (const clip of clips.items) {
    const { id, site, camera, startedAt: at } = clip;
    entries.set(id, { id, site, camera, at, clip, event: entries.get(id)?.event });
  }
  const [clipsEndMs, eventsEndMs] = [endOf(clips, CLIP_AT), endOf(events, EVENT_AT)];
  return [...entries.values()]
    .filter(({ at, clip }) => {
      const atMs = Date.parse(at);
      return atMs >= eventsEndMs && atMs >= clipsEndMs + (clip === undefined ? APART_MS : 0);
    })
    .sort((a, b) => b.at.localeCompare(a.at) || b.id.localeCompare(a.id));
}

/** Up to where it has been read; -Infinity when that is all. */
function endOf<Item>({ items, nextCursor }: ReadSoFar<Item>, atOf: (item: Item) => string): number {
  const last = items.at(-1);
  return nextCursor === null || last === undefined ? -Infinity : Date.parse(atOf(last));
}

/** The list that has to be read on before older entries can be shown; undefined when all has been read. */
export function nextToRead({ clips, events }: ClipsRead): keyof ClipsRead | undefined {
  if (clips.nextCursor === null && events.nextCursor === null) return undefined;
  return endOf(clips, CLIP_AT) >= endOf(events, EVENT_AT) ? 'clips' : 'events';
}

/**
 * What was read before, with the first page as it is now.
 * @param page when it does not reach what was read before, it stands alone: what is between is not known.
 */
export function withFirstPage<Item extends { id: string }>(
  before: ReadSoFar<Item>,
  page: ReadSoFar<Item>,
): ReadSoFar<Item> {
  const last = page.items.at(-1);
  const index = before.items.findIndex(({ id }) => id === last?.id);
  if (page.nextCursor === null || index === -1) return page;
  return { items: [...page.items, ...before.items.slice(index + 1)], nextCursor: before.nextCursor };
}

export interface KeptFigures {
  durationMs: number;
  bytes: number;
  /** Why it ended before it should have, in the words of the gateway. */
  cut: string | undefined;
}

/** What the end of an event says of a clip that is kept (`18.0 s, 2.4 MiB, cut ...`); undefined: nothing is kept, or it has no end. */
export function keptOf(event: ClipEvent | undefined): KeptFigures | undefined {
  const found = /^(\d+(?:\.\d+)?) s, (\d+(?:\.\d+)?) MiB(?:, (.+))?$/.exec(event?.detail ?? '');
  if (found === null || event?.until === null) return undefined;
  return { durationMs: Number(found[1]) * 1_000, bytes: Number(found[2]) * MIB, cut: found[3] };
}

export type ClipState = 'here' | 'recording' | 'gateway' | 'lost' | 'unheard';

/** `unheard`: begun, and too long ago to be going on. */
export function stateOf({ clip, event }: ClipEntry, nowMs: number): ClipState {
  if (clip !== undefined) return 'here';
  if (event === undefined) return 'unheard';
  if (event.until !== null) return keptOf(event) === undefined ? 'lost' : 'gateway';
  return nowMs - Date.parse(event.at) < MAX_CLIP_MS ? 'recording' : 'unheard';
}
