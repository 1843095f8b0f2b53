// The settings that docker-compose.yml starts PostgreSQL with, so that what is measured is what is installed.

import { readFileSync } from 'node:fs';

const COMPOSE = new URL('../../../docker-compose.yml', import.meta.url);
/** Memory of its container. */
export const POSTGRES_BYTES = 512 * 1024 * 1024;

/** @throws {Error} when there are none: the file has changed. */
export function composePostgresSettings(): Record<string, string> {
  const [, service = ''] = readFileSync(COMPOSE, 'utf8').split(/^ {2}postgres:$/m);
  const settings = [...service.matchAll(/^ {6}- -c\n {6}- (\w+)=(\S+)$/gm)].map(([, name, value]) => [
    name,
    value,
  ]);
  if (settings.length < 10) throw new Error('docker-compose.yml has no settings of PostgreSQL');
  return Object.fromEntries(settings) as Record<string, string>;
}
