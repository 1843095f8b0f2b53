// The edge agent's own folder: its configuration and its secret, both mode 0600 (camera URLs hold passwords).

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { StandaloneOptions } from './options.ts';

/** The one site and the one agent of a stand-alone installation. */
export const LOCAL_AGENT = { site: 'local', agent: 'gateway' } as const;

const SNAPSHOT_INTERVAL_SECONDS = 10;
/** This folder is beside the database and the pictures of the same machine. */
const CLIPS_QUOTA_BYTES = 256 * 1024 * 1024;

export interface AgentFiles {
  configPath: string;
  /** The secret of an earlier start, or undefined. */
  secret: string | undefined;
  writeSecret(secret: string): void;
}

export interface AgentFileOptions extends Pick<
  StandaloneOptions,
  'cameras' | 'demo' | 'mqttPort' | 'mediaPort'
> {
  dir: string;
}

/** Writes the configuration anew at each start: the command line says which cameras there are. */
export function writeAgentFiles({ dir, ...options }: AgentFileOptions): AgentFiles {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const configPath = join(dir, 'agent.yaml');
  const secretPath = join(dir, 'secret');
  writeFileSync(configPath, stringify(agentConfig(dir, secretPath, options)), { mode: 0o600 });
  return {
    configPath,
    secret: readSecret(secretPath),
    writeSecret: (secret) => writeFileSync(secretPath, `${secret}\n`, { mode: 0o600 }),
  };
}

function agentConfig(dir: string, secretFile: string, options: Omit<AgentFileOptions, 'dir'>): unknown {
  return {
    site: LOCAL_AGENT.site,
    agent: LOCAL_AGENT.agent,
    dataDir: dir,
    uplink: {
      url: `mqtt://127.0.0.1:${options.mqttPort}`,
      mediaUrl: `mqtt://127.0.0.1:${options.mediaPort}`,
      secretFile,
    },
    cameras: cameraConfigs(options),
    sensors: options.demo ? DEMO_SENSORS : [],
    clips: { quotaBytes: CLIPS_QUOTA_BYTES },
  };
}

const DEMO_SENSORS = [
  { id: 'climate', name: 'Climate', source: 'demo:climate', intervalSeconds: 2 },
  { id: 'power', name: 'Power', source: 'demo:power', intervalSeconds: 2 },
];

interface CameraConfig {
  id: string;
  name: string;
  source: string;
  snapshotIntervalSeconds: number;
}

function cameraConfigs({ cameras, demo }: Pick<StandaloneOptions, 'cameras' | 'demo'>): CameraConfig[] {
  const sources = demo && !cameras.includes('demo:courtyard') ? [...cameras, 'demo:courtyard'] : cameras;
  return sources.map((source, index) => {
    const id = source.startsWith('demo:') ? source.slice('demo:'.length) : `camera-${index + 1}`;
    return { id, name: titleOf(id), source, snapshotIntervalSeconds: SNAPSHOT_INTERVAL_SECONDS };
  });
}

const titleOf = (id: string): string => (id[0] ?? '').toUpperCase() + id.slice(1).replaceAll('-', ' ');

function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
