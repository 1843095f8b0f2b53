// The key that signs session cookies: SESSION_SECRET, or one that is made once and kept in the data directory.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivate } from './first-login.ts';
import { newSecret } from './secrets.ts';

export async function sessionSecret(configured: string | undefined, dataDir: string): Promise<string> {
  if (configured !== undefined) return configured;
  const path = join(dataDir, 'session-secret');
  const kept = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (kept.trim().length >= 32) return kept.trim();
  const made = newSecret();
  await writePrivate(path, made);
  return made;
}
