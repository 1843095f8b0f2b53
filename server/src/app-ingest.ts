// What takes pictures and clips in: staging, the queue, the stores.

import { join } from 'node:path';
import type { AgentNotices } from './fleet/agent-notices.ts';
import type { Fleet } from './fleet/fleet.ts';
import { type DiskWatch, hasRoom } from './guard/disk-watch.ts';
import { ClipDownloads } from './ingest/clip-downloads.ts';
import { ClipIntake } from './ingest/clip-intake.ts';
import { ClipStore } from './ingest/clip-store.ts';
import { EventStore } from './ingest/event-store.ts';
import { PictureUploads } from './ingest/picture-uploads.ts';
import { SnapshotIntake, type SnapshotJob } from './ingest/snapshot-intake.ts';
import { SnapshotStore } from './ingest/snapshot-store.ts';
import { SnapshotWorker } from './ingest/snapshot-worker.ts';
import type { ClipFiles } from './media-store/clip-files.ts';
import { ClipParts } from './media-store/clip-parts.ts';
import { MediaStore } from './media-store/media-store.ts';
import { Staging } from './media-store/staging.ts';
import type { Database } from './postgres/pool.ts';
import { openQueue } from './queues/job-queue.ts';
import type { Retention } from './retention/retention.ts';
import type { Opening } from './app-opening.ts';

export async function openIngest(
  { config, lifetime, logger }: Opening,
  database: Database,
  { fleet, notices }: { fleet: Fleet; notices: AgentNotices },
) {
  const { dataDir, images, redisUrl, postgres } = config;
  const mediaStore = await MediaStore.open(join(dataDir, 'media'));
  const staging = await Staging.open(join(dataDir, 'staging'));
  const queue = await openQueue<SnapshotJob>({
    name: 'images',
    redisUrl,
    databaseUrl: postgres.url,
    maxWaiting: images.queueMax,
    logger,
  });
  lifetime.own('image queue', queue);
  const snapshots = new SnapshotStore(database);
  const worker = new SnapshotWorker({
    staging,
    mediaStore,
    snapshots,
    onStored: ({ site, camera, id, capturedAt, reason }) =>
      fleet.snapshotStored({ site, id: camera }, { id, capturedAt: new Date(capturedAt), reason }),
    onRefused: (refused) => notices.tellOfSnapshot(refused),
    logger,
  });
  const { concurrency, queueMax: maxStaged } = images;
  const intake = new SnapshotIntake({ staging, queue, worker, concurrency, maxStaged, logger });
  lifetime.own('snapshot intake', intake);
  await intake.start();
  const uploads = new PictureUploads({
    intake,
    snapshots,
    expectCamera: (device, camera, size) => fleet.uploadSeen(device, camera, size),
    maxUploads: images.maxUploads,
  });
  return { mediaStore, queue, snapshots, worker, intake, uploads, events: new EventStore(database) };
}

export async function openClips(
  { config, lifetime, logger }: Opening,
  database: Database,
  { disk, retention, clipFiles: files }: { disk: DiskWatch; retention: Retention; clipFiles: ClipFiles },
) {
  const clips = new ClipStore(database);
  const clipIntake = new ClipIntake({
    parts: await ClipParts.open(join(config.dataDir, 'clips/parts')),
    files,
    clips,
    maxStoredBytes: config.clips.maxBytes,
    makeRoomFor: (bytes) => retention.makeRoomForClip(bytes),
    hasRoomFor: async (bytes) => {
      const reading = await disk.read();
      return hasRoom({ ...reading, freeBytes: reading.freeBytes - bytes });
    },
    logger,
  });
  lifetime.own('clip intake', clipIntake);
  await clipIntake.start();
  return { clips, clipIntake, clipDownloads: new ClipDownloads(files) };
}
