// Snapshot lists: read page by page over HTTP, extended by what updates announce.

import { useEffect, useMemo, useState } from 'react';
import { api } from '../api/endpoints.ts';
import type { Snapshot } from '../api/types.ts';
import { keyOf, mergeSnapshots } from '../state/fleet.ts';
import { useFleet } from '../state/hooks.ts';

const PAGE_ITEMS = 48;
/** The page holds at most this many; older ones are found by the filter. */
const MAX_ITEMS = 480;

interface Read {
  camera: string | undefined;
  items: Snapshot[];
  nextCursor: string | null;
}

export interface SnapshotList {
  items: Snapshot[];
  isLoaded: boolean;
  failure: unknown;
  /** undefined when there is no more to read. */
  readMore: (() => void) | undefined;
}

/** Newest first; reads the first page again when a snapshot is announced, for its size and time of arrival. */
export function useSnapshotList(camera: string | undefined): SnapshotList {
  const [read, setRead] = useState<Read | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const announced = useAnnounced(camera);
  const newestId = announced[0]?.id;

  useEffect(() => {
    let isCurrent = true;
    api.snapshots({ camera, limit: PAGE_ITEMS }).then(
      ({ items, nextCursor }) => {
        if (!isCurrent) return;
        setFailure(undefined);
        setRead((before) =>
          before !== undefined && before.camera === camera
            ? { ...before, items: mergeSnapshots(before.items, items, MAX_ITEMS) }
            : { camera, items, nextCursor },
        );
      },
      (error: unknown) => {
        if (isCurrent) setFailure(error);
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [camera, newestId]);

  const current = read?.camera === camera ? read : undefined;
  const items = useMemo(
    () => (current === undefined ? [] : mergeSnapshots(announced, current.items, MAX_ITEMS)),
    [announced, current],
  );
  const cursor = current?.nextCursor ?? null;
  const readMore = (): void => {
    api.snapshots({ camera, cursor, limit: PAGE_ITEMS }).then(
      (page) =>
        setRead((before) =>
          before !== undefined && before.camera === camera
            ? {
                camera,
                items: mergeSnapshots(before.items, page.items, MAX_ITEMS),
                nextCursor: page.nextCursor,
              }
            : before,
        ),
      setFailure,
    );
  };
  const hasMore = cursor !== null && items.length < MAX_ITEMS;
  return { items, isLoaded: current !== undefined, failure, readMore: hasMore ? readMore : undefined };
}

function useAnnounced(camera: string | undefined): Snapshot[] {
  const snapshots = useFleet((state) => state.snapshots);
  return useMemo(
    () => snapshots.filter((one) => camera === undefined || keyOf(one.site, one.camera) === camera),
    [snapshots, camera],
  );
}

/** The newest few of one camera; none when no camera is named. */
export function useCameraSnapshots(camera: string | undefined, most: number): Snapshot[] {
  const [read, setRead] = useState<Snapshot[]>([]);
  const announced = useAnnounced(camera);
  useEffect(() => {
    if (camera === undefined) return;
    let isCurrent = true;
    api.snapshots({ camera, limit: most }).then(
      ({ items }) => {
        if (isCurrent) setRead(items);
      },
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [camera, most]);
  return useMemo(
    () => (camera === undefined ? [] : mergeSnapshots(announced, read, most)),
    [announced, camera, most, read],
  );
}
