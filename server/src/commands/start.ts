// `sitecast-server start`: serves until the first signal.

import { once } from 'node:events';
import { App } from '../app.ts';
import { readConfig } from '../config.ts';
import type { CommandContext } from './context.ts';

export async function startCommand(context: CommandContext, version: string): Promise<void> {
  const { env, logger, stopping } = context;
  const config = readConfig(env);
  logger.level = config.logLevel;
  const app = await App.open({ config, logger, version });
  try {
    if (!stopping.aborted) await once(stopping, 'abort');
    logger.info('stopping');
  } finally {
    await app.close();
  }
  logger.info('stopped');
}
