// Every load by its name.

import type { Load } from './load.ts';
import { startBulkReadings } from './bulk-readings.ts';
import { startControl } from './control.ts';
import { startHostile } from './hostile.ts';
import { startOldSnapshots } from './old-snapshots.ts';
import { startReadings } from './readings.ts';
import { startReports } from './reports.ts';
import { startMqttFeed, startTcpFeed } from './rival-feeds.ts';
import { startDrawnCamera, startRtspCameras } from './rtsp-cameras.ts';
import { startSensorConnections } from './sensor-connections.ts';
import { startSitecastAgent } from './sitecast-agent.ts';
import { startSnapshots } from './snapshots.ts';
import { startUploads } from './uploads.ts';
import { startViewers } from './viewers.ts';

export const LOADS = {
  'sitecast-agent': startSitecastAgent,
  'tcp-feed': startTcpFeed,
  'mqtt-feed': startMqttFeed,
  'rtsp-cameras': startRtspCameras,
  'drawn-camera': startDrawnCamera,
  viewers: startViewers,
  'sensor-connections': startSensorConnections,
  readings: startReadings,
  'bulk-readings': startBulkReadings,
  snapshots: startSnapshots,
  'old-snapshots': startOldSnapshots,
  uploads: startUploads,
  reports: startReports,
  control: startControl,
  hostile: startHostile,
};

type Loads = typeof LOADS;
export type LoadName = keyof Loads;
export type OptionsOf<Name extends LoadName> = Parameters<Loads[Name]>[0];
export type ReportOf<Name extends LoadName> = ReturnType<Awaited<ReturnType<Loads[Name]>>['report']>;
export type AnyLoad = Load<unknown>;
