// What the guard watches, and what it sheds in which order: the one place where both are listed.

import {
  MAX_CLIP_CHUNK_MESSAGE_BYTES,
  MAX_FRAME_BYTES,
  MAX_SNAPSHOT_ENVELOPE_BYTES,
  MAX_SNAPSHOT_HEADER_BYTES,
} from '@sitecast/shared/protocol/limits';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { BROKER_LIMITS } from './broker/limits.ts';
import type { DeviceBroker } from './broker/device-broker.ts';
import { MAX_SOCKET_QUEUED_BYTES, type UpdateHub } from './fleet/updates.ts';
import { ByteLedger } from './guard/byte-ledger.ts';
import { Guard, type SheddingStep } from './guard/guard.ts';
import type { DiskWatch } from './guard/disk-watch.ts';
import { SheddingEvents } from './guard/shedding-events.ts';
import { guardSignals } from './guard/signals.ts';
import type { Vitals } from './guard/vitals.ts';
import type { ClipIntake } from './ingest/clip-intake.ts';
import type { EventStore } from './ingest/event-store.ts';
import { UPLOAD_BYTES_IN_FLIGHT_MAX, type PictureUploads } from './ingest/picture-uploads.ts';
import type { SnapshotWorker } from './ingest/snapshot-worker.ts';
import type { SnapshotIntake, SnapshotJob } from './ingest/snapshot-intake.ts';
import { ANSWERS_MAX_BYTES, type HttpAnswers } from './plugins/http-answers.ts';
import type { HttpBodies } from './plugins/http-bodies.ts';
import { BODY_MAX_BYTES, maxHttpConnections } from './plugins/http-limits.ts';
import type { Database } from './postgres/pool.ts';
import type { JobQueue } from './queues/job-queue.ts';
import { RELAY_LIMITS } from './relay/limits.ts';
import type { StreamHub } from './relay/stream-hub.ts';
import { REPORT_STREAM_BYTES } from './reports/report-stream.ts';
import type { Reports } from './reports/reports.ts';
import type { Retention } from './retention/retention.ts';
import { CSV_STREAM_BYTES } from './telemetry/csv-stream.ts';
import { EXPORTS_AT_ONCE_MAX, type TelemetryExports } from './telemetry/telemetry-exports.ts';
import { BATCH_QUEUE_MAX_BYTES, type ReadingBatcher } from './telemetry/reading-batcher.ts';
import type { Opening } from './app-opening.ts';

interface GuardNeeds {
  vitals: Vitals;
  relay: StreamHub;
  broker: DeviceBroker;
  readings: ReadingBatcher;
  intake: SnapshotIntake;
  clipIntake: ClipIntake;
  uploads: PictureUploads;
  queue: JobQueue<SnapshotJob>;
  reports: Reports;
  retention: Retention;
  worker: SnapshotWorker;
  exports: TelemetryExports;
  updates: UpdateHub;
  bodies: HttpBodies;
  answers: HttpAnswers;
  events: EventStore;
  database: Database;
  disk: DiskWatch;
}

/** After everything that it may slow down, and before anybody is let in by HTTP. */
export async function openGuard(
  { config, lifetime, logger }: Opening,
  needs: GuardNeeds,
): Promise<{ guard: Guard; ledger: ByteLedger; sheddingEvents: SheddingEvents }> {
  const { vitals, intake, database, events } = needs;
  const ledger = openLedger(config, needs);
  const sheddingEvents = lifetime.own('shedding events', new SheddingEvents({ events, logger }));
  await sheddingEvents.start();
  let disk = await needs.disk.read();
  const guard = new Guard({
    signals: guardSignals({
      vitals,
      ledger,
      images: () => intake.stats,
      pool: () => database.stats(),
      disk: () => disk,
    }),
    steps: sheddingSteps(config.images.concurrency, needs),
    refresh: async () => {
      [disk] = await Promise.all([needs.disk.read(), vitals.sample()]);
    },
    onShedding: (change) => sheddingEvents.follow(change),
    logger,
    clock: systemClock,
  });
  lifetime.own('guard', guard).start();
  return { guard, ledger, sheddingEvents };
}

function openLedger(
  config: Opening['config'],
  {
    relay,
    broker,
    readings,
    intake,
    clipIntake,
    uploads,
    worker,
    exports,
    reports,
    updates,
    bodies,
    answers,
  }: GuardNeeds,
): ByteLedger {
  const { live, webSocket, images } = config;
  const { maxStreams, maxStillsStreams, maxViewers } = live;
  const { gopCacheMaxBytes, viewerMaxQueuedBytes } = RELAY_LIMITS;
  return new ByteLedger({
    gopCaches: {
      heldBytes: () => relay.snapshot().cachedBytes,
      maxBytes: maxStreams * gopCacheMaxBytes + maxStillsStreams * MAX_FRAME_BYTES,
    },
    viewerQueues: {
      heldBytes: () => relay.snapshot().queuedBytes,
      maxBytes: maxViewers * (viewerMaxQueuedBytes + MAX_FRAME_BYTES),
    },
    brokerData: { heldBytes: () => broker.heldBytes.data, maxBytes: BROKER_LIMITS.data.maxHeldBytes },
    brokerMedia: { heldBytes: () => broker.heldBytes.media, maxBytes: BROKER_LIMITS.media.maxHeldBytes },
    uploads: { heldBytes: () => uploads.held.bytes, maxBytes: UPLOAD_BYTES_IN_FLIGHT_MAX },
    // Snapshots of agents are staged from their messages, which brokerData has.
    staging: {
      heldBytes: () => uploads.stagingBytes + intake.heldBytes,
      maxBytes:
        UPLOAD_BYTES_IN_FLIGHT_MAX +
        images.maxUploads * MAX_SNAPSHOT_HEADER_BYTES +
        MAX_SNAPSHOT_ENVELOPE_BYTES,
    },
    filing: {
      heldBytes: () => worker.heldBytes + clipIntake.heldBytes,
      maxBytes: images.concurrency * MAX_SNAPSHOT_ENVELOPE_BYTES + MAX_CLIP_CHUNK_MESSAGE_BYTES,
    },
    csvStreams: {
      heldBytes: () => exports.active * CSV_STREAM_BYTES + (reports.isRunning ? REPORT_STREAM_BYTES : 0),
      maxBytes: EXPORTS_AT_ONCE_MAX * CSV_STREAM_BYTES + REPORT_STREAM_BYTES,
    },
    updates: {
      heldBytes: () => updates.queuedBytes,
      maxBytes: webSocket.maxUpdateSockets * MAX_SOCKET_QUEUED_BYTES,
    },
    httpAnswers: { heldBytes: () => answers.heldBytes, maxBytes: ANSWERS_MAX_BYTES },
    httpBodies: {
      heldBytes: () => bodies.heldBytes,
      maxBytes: maxHttpConnections(config) * BODY_MAX_BYTES,
    },
    readings: { heldBytes: () => readings.stats.bytes, maxBytes: BATCH_QUEUE_MAX_BYTES },
  });
}

/** The published order (server/LIMITS.md, "Under pressure"): what can wait waits first, what was acknowledged never. */
function sheddingSteps(
  imageConcurrency: number,
  { relay, uploads, queue, reports, retention }: GuardNeeds,
): SheddingStep[] {
  return [
    {
      name: 'viewers-wait',
      relieves: ['process'],
      from: 'elevated',
      begin: () => relay.holdViewers(true),
      end: () => relay.holdViewers(false),
    },
    {
      name: 'main-to-low',
      relieves: ['process'],
      from: 'high',
      begin: () => relay.stepDownMain(true),
      end: () => relay.stepDownMain(false),
    },
    {
      name: 'reports-paused',
      relieves: ['process', 'database', 'disk'],
      from: 'high',
      begin: () => reports.pause(),
      end: () => reports.resume(),
    },
    {
      name: 'retention-paused',
      relieves: ['process', 'database'],
      from: 'high',
      begin: () => retention.pause(true),
      end: () => retention.pause(false),
    },
    {
      name: 'uploads-refused',
      relieves: ['process', 'database', 'images', 'disk'],
      from: 'high',
      begin: () => uploads.shed(true),
      end: () => uploads.shed(false),
    },
    {
      name: 'images-one-at-a-time',
      relieves: ['process'],
      from: 'critical',
      begin: () => (queue.concurrency = 1),
      end: () => (queue.concurrency = imageConcurrency),
    },
  ];
}
