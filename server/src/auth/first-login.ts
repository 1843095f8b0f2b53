// The administrator of a new installation, and the file through which its owner learns the password.

import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@sitecast/shared/node/logger';
import { newSecret } from './secrets.ts';
import type { Users } from './users.ts';

const FIRST_USERNAME = 'admin';

export function firstLoginPath(dataDir: string): string {
  return join(dataDir, 'first-login.json');
}

/** Makes the user `admin` when there is no user at all. The file is written first: a crash between leaves nobody locked out. */
export async function ensureFirstAdmin({
  users,
  dataDir,
  logger,
}: {
  users: Users;
  dataDir: string;
  logger: Logger;
}): Promise<void> {
  if ((await users.count()) > 0) return;
  const path = firstLoginPath(dataDir);
  const password = newSecret().slice(0, 20);
  await writePrivate(path, JSON.stringify({ username: FIRST_USERNAME, password }, undefined, 2) + '\n');
  await users.create({ username: FIRST_USERNAME, password, role: 'admin', sites: null });
  logger.info({ path }, `the first login is in ${path}; change the password after it`);
}

/** Once its user has another password the file is only confusing. */
export async function forgetFirstLogin(dataDir: string, username: string): Promise<void> {
  if (username === FIRST_USERNAME) await rm(firstLoginPath(dataDir), { force: true });
}

/** Mode 0600 from its first byte on, and on disk when it resolves. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
