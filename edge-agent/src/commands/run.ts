// `sitecast-agent run`: reads the configuration, runs the agent until it is told to stop, reads it again when it is told to.

import { ulid } from 'ulid';
import { createLogger } from '@sitecast/shared/node/logger';
import { Agent } from '../agent.ts';
import { loadAgentConfig, type Environment } from '../config-file.ts';
import type { ReloadRequests } from '../reload-requests.ts';

export interface RunOptions {
  configPath: string;
  logLevel: string;
  env: Environment;
  version: string;
  /** Aborts when the agent shall stop. */
  signal: AbortSignal;
  reloads: ReloadRequests;
}

/**
 * @returns when the agent has stopped, by `signal` or because the server asked for a restart.
 * @throws {AppError} CONFIG_INVALID, DATA_DIR_IN_USE.
 */
export async function run(options: RunOptions): Promise<void> {
  const { configPath, logLevel, env, version, signal, reloads } = options;
  const readConfig = (): ReturnType<typeof loadAgentConfig> => loadAgentConfig(configPath, env);
  const config = await readConfig();
  const logger = createLogger({ name: 'sitecast-agent', level: logLevel });
  const restart = new AbortController();
  const stop = AbortSignal.any([signal, restart.signal]);
  const { site, agent, cameras, sensors } = config;
  logger.info({ site, agent, version, cameras: cameras.length, sensors: sensors.length }, 'agent starts');
  const running = await Agent.open({
    config,
    readConfig,
    version,
    bootId: ulid(),
    searchPath: env.PATH,
    logger,
    onRestart: () => restart.abort(),
  });
  reloads.serve(() => running.reload());
  if (!stop.aborted) await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()));
  logger.info({ reason: restart.signal.aborted ? 'the server asked for it' : 'signal' }, 'agent stops');
  reloads.close();
  await running.close();
}
