// Every load by its name.

import type { Load } from './load.ts';
import { startMqttFeed, startTcpFeed } from './rival-feeds.ts';
import { startSensorConnections } from './sensor-connections.ts';
import { startSitecastAgent } from './sitecast-agent.ts';
import { startViewers } from './viewers.ts';

export const LOADS = {
  'sitecast-agent': startSitecastAgent,
  'tcp-feed': startTcpFeed,
  'mqtt-feed': startMqttFeed,
  viewers: startViewers,
  'sensor-connections': startSensorConnections,
};

type Loads = typeof LOADS;
export type LoadName = keyof Loads;
export type OptionsOf<Name extends LoadName> = Parameters<Loads[Name]>[0];
export type ReportOf<Name extends LoadName> = ReturnType<Awaited<ReturnType<Loads[Name]>>['report']>;
export type AnyLoad = Load<unknown>;
