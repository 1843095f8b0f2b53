// Gathers the counters of all parts into one health message.

import type { AgentHealth } from '@sitecast/shared/protocol/status';
import type { Camera } from '../camera/camera.ts';
import type { LivePublisher } from '../live/live-publisher.ts';
import type { CameraSnapshots } from '../reporting/camera-snapshots.ts';
import type { DroppedNotices } from '../reporting/dropped-notices.ts';
import type { SiteBroker } from '../sensors/site-broker.ts';
import type { MqttConnection } from '../uplink/connection.ts';
import type { SpoolSender } from '../uplink/spool-sender.ts';
import type { Spool } from '../uplink/spool.ts';
import type { ClockWatch } from './clock-watch.ts';
import { Gateway } from './gateway.ts';

export interface HealthSources {
  config: { dataDir: string };
  spool: Pick<Spool, 'stats'>;
  sender: Pick<SpoolSender, 'replayBytesPerSecond' | 'messagesAcrossStep'>;
  clockWatch: Pick<ClockWatch, 'health'>;
  data: Pick<MqttConnection, 'counters' | 'inFlight'>;
  media: Pick<MqttConnection, 'counters'>;
  live: Pick<LivePublisher, 'framesDropped'>;
  cameras: Pick<Camera, 'id' | 'counters' | 'ring' | 'captureRssBytes'>[];
  snapshots: ReadonlyMap<string, Pick<CameraSnapshots, 'snapshots'>>;
  notices: Pick<DroppedNotices, 'noticesReceived'>;
  siteBroker: Pick<SiteBroker, 'health'> | undefined;
}

/** @returns reads everything but the time. */
export function healthReader(sources: HealthSources): () => Promise<Omit<AgentHealth, 'at'>> {
  const { config, spool, sender, clockWatch, data, media, live, notices, siteBroker } = sources;
  const gateway = new Gateway(config.dataDir);
  return async () => ({
    ...(await gateway.read()),
    spool: { ...spool.stats(), replayBytesPerSecond: sender.replayBytesPerSecond },
    clock: { ...clockWatch.health, messagesAcrossStep: sender.messagesAcrossStep },
    uplink: {
      connects: data.counters.connects,
      inFlight: data.inFlight,
      acked: data.counters.acked,
      liveBytesSent: media.counters.liveBytesSent,
      liveFramesDropped: live.framesDropped,
      noticesReceived: notices.noticesReceived,
      messagesRefused: data.counters.messagesRefused,
    },
    cameras: readCameras(sources),
    ...(siteBroker && { siteBroker: siteBroker.health() }),
  });
}

function readCameras({ cameras, snapshots }: HealthSources): AgentHealth['cameras'] {
  return cameras.map((camera) => ({
    id: camera.id,
    restarts: camera.counters.restarts,
    accessUnits: camera.counters.accessUnits,
    keyframes: camera.counters.keyframes,
    snapshots: snapshots.get(camera.id)?.snapshots ?? 0,
    ringBytes: camera.ring.bytes,
    processRssBytes: camera.captureRssBytes(),
  }));
}
