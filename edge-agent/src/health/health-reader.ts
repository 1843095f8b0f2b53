// Gathers the counters of all parts into one health message.

import type { AgentHealth } from '@sitecast/shared/protocol/status';
import type { Camera } from '../camera/camera.ts';
import type { ConfigReload } from '../config-reload.ts';
import type { Encoders } from '../camera/encoder/encoders.ts';
import { rssBytesOf } from '../camera/process-usage.ts';
import type { LiveCamera } from '../camera/live-camera.ts';
import type { Clips } from '../clips/clips.ts';
import type { LivePublisher } from '../live/live-publisher.ts';
import type { CameraSense } from '../reporting/camera-sense.ts';
import type { CameraSnapshots } from '../reporting/camera-snapshots.ts';
import type { DroppedNotices } from '../reporting/dropped-notices.ts';
import type { RuleEngine } from '../rules/rule-engine.ts';
import type { SiteBroker } from '../sensors/site-broker.ts';
import type { MqttConnection } from '../uplink/connection.ts';
import type { AdaptiveUplink } from '../uplink/adaptive-uplink.ts';
import type { SpoolSender } from '../uplink/spool-sender.ts';
import type { Spool } from '../uplink/spool.ts';
import type { ClockWatch } from './clock-watch.ts';
import { Gateway } from './gateway.ts';
import { ProcessReadings, type WatchedProcess } from './process-readings.ts';

interface CameraReadings {
  readonly id: string;
  camera: Pick<Camera, 'counters' | 'ring' | 'capturePid'>;
  live: Pick<LiveCamera, 'subStreamPid'>;
  snapshots: Pick<CameraSnapshots, 'snapshots'>;
  sense: Pick<CameraSense, 'counters' | 'conditions'> | undefined;
}

export interface HealthSources {
  config: { dataDir: string };
  spool: Pick<Spool, 'stats'>;
  sender: Pick<SpoolSender, 'replayBytesPerSecond' | 'messagesAcrossStep'>;
  clockWatch: Pick<ClockWatch, 'health'>;
  data: Pick<MqttConnection, 'counters' | 'inFlight'>;
  media: Pick<MqttConnection, 'counters'>;
  uplink: Pick<AdaptiveUplink, 'health'>;
  live: Pick<LivePublisher, 'framesDropped'>;
  /** undefined on an agent without ffmpeg. */
  encoders: Pick<Encoders, 'running' | 'chosen' | 'maxProcesses' | 'leasesRefused' | 'counters'> | undefined;
  /** Those of now, each time. */
  cameras: Iterable<CameraReadings>;
  notices: Pick<DroppedNotices, 'noticesReceived'>;
  rules: Pick<RuleEngine, 'health'>;
  siteBroker: Pick<SiteBroker, 'health'> | undefined;
  clips: Pick<Clips, 'health'> | undefined;
  reload: Pick<ConfigReload, 'health'>;
}

/** @returns reads everything but the time. */
export function healthReader(sources: HealthSources): () => Promise<Omit<AgentHealth, 'at'>> {
  const { config, spool, sender, clockWatch, data, media, uplink, live, notices, rules, siteBroker } =
    sources;
  const { clips, encoders, reload } = sources;
  const processes = new ProcessReadings();
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
      ...uplink.health,
    },
    cameras: readCameras(sources),
    processes: processes.read(processesOf(sources)),
    encoders: encoders ? readEncoders(encoders) : null,
    rules: rules.health(),
    ...(siteBroker && { siteBroker: siteBroker.health() }),
    ...(clips && { clips: clips.health() }),
    reload: reload.health,
  });
}

function readCameras({ cameras }: HealthSources): AgentHealth['cameras'] {
  return [...cameras].map(({ id, camera, snapshots, sense }) => ({
    id,
    restarts: camera.counters.restarts,
    accessUnits: camera.counters.accessUnits,
    keyframes: camera.counters.keyframes,
    snapshots: snapshots.snapshots,
    ringBytes: camera.ring.bytes,
    processRssBytes: camera.capturePid === undefined ? 0 : rssBytesOf(camera.capturePid),
    picturesLooked: sense?.counters.picturesLooked ?? 0,
    picturesSkipped: sense?.counters.picturesSkipped ?? 0,
    conditions: sense?.conditions ?? [],
  }));
}

function processesOf({ cameras, encoders }: HealthSources): WatchedProcess[] {
  const units = [...cameras];
  const captures = units.flatMap(({ id, camera: { capturePid: pid } }) =>
    pid === undefined ? [] : [{ camera: id, profile: null, encoder: null, pid }],
  );
  const subStreams = units.flatMap(({ id, live: { subStreamPid: pid } }) =>
    pid === undefined ? [] : [{ camera: id, profile: 'low' as const, encoder: null, pid }],
  );
  const encoding = (encoders?.running ?? []).flatMap(({ camera, profile, process }) =>
    process === undefined ? [] : [{ camera, profile, ...process }],
  );
  return [...captures, ...subStreams, ...encoding];
}

function readEncoders(encoders: NonNullable<HealthSources['encoders']>): AgentHealth['encoders'] {
  const { running, chosen, maxProcesses, leasesRefused, counters } = encoders;
  return {
    chosen: chosen?.encoder ?? null,
    rejected: chosen?.rejected ?? [],
    running: running.length,
    maxProcesses,
    leasesRefused,
    ...counters,
  };
}
