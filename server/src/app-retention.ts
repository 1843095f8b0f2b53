// What deletes: opened before what stores, because clips make room for each other through it.

import { join } from 'node:path';
import type { Opening } from './app-opening.ts';
import type { Fleet } from './fleet/fleet.ts';
import type { DiskWatch } from './guard/disk-watch.ts';
import { ClipFiles } from './media-store/clip-files.ts';
import type { MediaStore } from './media-store/media-store.ts';
import type { Database } from './postgres/pool.ts';
import { REPORTS_KEPT_BYTES } from './reports/reports.ts';
import { ClockTrust } from './retention/clock-trust.ts';
import { Garbage } from './retention/garbage.ts';
import { shortfallOf } from './retention/marks.ts';
import { MediaRemoval } from './retention/media-removal.ts';
import { Retention } from './retention/retention.ts';
import { RowExpiry } from './retention/row-expiry.ts';
import { StorageFigures } from './retention/storage-figures.ts';
import { Turns } from './retention/turns.ts';

export interface RetentionNeeds {
  disk: DiskWatch;
  fleet: Fleet;
  mediaStore: MediaStore;
}

/** Begins to work when somebody starts it. */
export async function openRetention(
  { config, lifetime, logger }: Opening,
  database: Database,
  { disk, fleet, mediaStore }: RetentionNeeds,
) {
  const clipFiles = await ClipFiles.open(join(config.dataDir, 'clips/files'));
  const clockTrust = new ClockTrust({ database, logger });
  const retention = new Retention({
    clockTrust,
    media: new MediaRemoval(database),
    rows: new RowExpiry(database),
    garbage: new Garbage({ database, mediaStore, clipFiles }),
    figures: new StorageFigures(database),
    turns: new Turns({
      isBusy: () => database.stats().waiting > 0,
      isUrgent: async () => shortfallOf(await disk.read()) > 0,
    }),
    readDisk: () => disk.read(),
    maxAgeDays: {
      snapshots: config.retention.snapshotsDays,
      clips: config.retention.clipsDays,
      events: config.retention.eventsDays,
      outages: config.retention.outagesDays,
      seals: config.retention.sealsDays,
      reports: config.retention.reportsDays,
    },
    bounds: {
      mediaMaxBytes: config.media.maxBytes,
      clipsMaxBytes: config.clips.maxBytes,
      reportsMaxBytes: REPORTS_KEPT_BYTES,
    },
    onRemoved: (kind, items) => {
      if (kind !== 'snapshots') return;
      for (const { site, camera, id } of items) fleet.snapshotRemoved({ site, id: camera }, id);
    },
    logger,
  });
  lifetime.own('retention', retention);
  return { retention, clipFiles, clockTrust };
}
