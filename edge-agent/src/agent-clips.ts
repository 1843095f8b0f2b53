// How the parts of clips are wired: sources and encoders in, store and uploads behind. Part of the composition root (agent.ts).

import { join } from 'node:path';
import type { Logger } from '@sitecast/shared/node/logger';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { systemClock } from '@sitecast/shared/runtime/clock';
import type { Encoders } from './camera/encoder/encoders.ts';
import { openClipSource } from './clips/clip-source.ts';
import { ClipStore } from './clips/clip-store.ts';
import { ClipUploader } from './clips/clip-uploader.ts';
import { Clips } from './clips/clips.ts';
import type { AgentConfig } from './config.ts';
import type { QuietLog } from './health/quiet-log.ts';
import type { DroppedNotices } from './reporting/dropped-notices.ts';
import type { Outbox } from './uplink/outbox.ts';
import type { Spool } from './uplink/spool.ts';
import type { CameraRack } from './rack/camera-rack.ts';

export interface ClipParts {
  config: Pick<AgentConfig, 'clips' | 'dataDir'>;
  rack: Pick<CameraRack, 'get'>;
  /** undefined on an agent without ffmpeg. */
  encoders: Encoders | undefined;
  spool: Spool;
  outbox: Outbox;
  notices: DroppedNotices;
  tell: (camera: string, event: CameraEvent) => Promise<void>;
  logger: Logger;
  log: QuietLog;
}

/** What an earlier run left unfinished is finished first. @returns undefined where none is recorded. */
export async function openClips(parts: ClipParts): Promise<Clips | undefined> {
  const { config, rack, encoders, tell, logger, log } = parts;
  const settings = config.clips;
  if (!settings || !encoders) {
    // Pieces of an upload that nobody goes on with are of no use, and nobody knows any more what may leave.
    parts.spool.forget('clips');
    return undefined;
  }
  const { quotaBytes, maxBytes: maxClipBytes } = settings;
  const store = await ClipStore.open({
    folder: join(config.dataDir, 'clips'),
    quotaBytes,
    maxClipBytes,
    logger,
  });
  const preRollMs = settings.preRollSeconds * 1_000;
  return new Clips({
    settings,
    cameras: { get: (id) => rack.get(id)?.camera },
    openSource: (camera) => openClipSource({ camera, preRollMs, encoders, clock: systemClock, logger }),
    store,
    uploads: createUploads(parts, store),
    tell,
    log,
  });
}

function createUploads({ spool, outbox, notices, log }: ClipParts, store: ClipStore): ClipUploader {
  const uploads = new ClipUploader({ store, spool, put: (chunk) => outbox.clipChunk(chunk), log });
  notices.onNotice(({ topic, id, code }) => {
    if (id !== null && topic.endsWith('/clip')) uploads.refused(id, code);
  });
  return uploads;
}
