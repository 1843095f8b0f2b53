// `sitecast-server migrate`: what `start` does first, by itself.

import { readDatabaseConfig } from '../config.ts';
import { migrate } from '../postgres/migrate.ts';
import { printAnswer, type CommandContext } from './context.ts';

export async function migrateCommand(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { url } = readDatabaseConfig(context.env);
  const applied = await migrate({ url, logger: context.logger });
  printAnswer(context, options, { applied }, () =>
    applied.length === 0 ? ['the database is up to date'] : applied.map((name) => `applied ${name}`),
  );
}
