// Who runs the embedded PostgreSQL, and where it may keep its files. PostgreSQL refuses to run as root.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AppError } from '@sitecast/shared/runtime/app-error';

/** What root keeps for the account that cannot look into root's folders: binaries, data directories. */
export const SYSTEM_DIR = '/var/lib/sitecast';
const ACCOUNT_NAME = 'postgres';

export interface PostgresAccount {
  uid: number;
  gid: number;
}

/**
 * @returns undefined when this process is not root and PostgreSQL can run as the same user.
 * @throws {AppError} POSTGRES_FAILED when root has no account `postgres` and cannot make one.
 */
export function choosePostgresAccount(): PostgresAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const account = lookUpAccount() ?? createAccount();
  if (account) return account;
  throw new AppError(
    'POSTGRES_FAILED',
    `PostgreSQL does not run as root, and the account "${ACCOUNT_NAME}" could not be made; start as another user`,
  );
}

function lookUpAccount(): PostgresAccount | undefined {
  const uid = Number(output('id', ['-u', ACCOUNT_NAME]) || Number.NaN);
  const gid = Number(output('id', ['-g', ACCOUNT_NAME]) || Number.NaN);
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : undefined;
}

function createAccount(): PostgresAccount | undefined {
  output('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', ACCOUNT_NAME]);
  return lookUpAccount();
}

function output(command: string, args: string[]): string {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}

/** Whether `account` may enter `dir`. Asked of the kernel, because mode bits alone do not tell of ACLs and mounts. */
export function canReach(account: PostgresAccount, dir: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', dir], { ...account, cwd: '/' }).status === 0;
}

/**
 * Makes the folder of the embedded server, mode 0700: `<dataDir>/postgres`, or one under {@link SYSTEM_DIR} where the account
 * cannot reach that. A note in `dataDir` says which: it moves along with `dataDir`, and goes with it.
 */
export function preparePostgresHome(dataDir: string, account: PostgresAccount | undefined): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const home = account ? homeFor(account, resolve(dataDir)) : join(resolve(dataDir), 'postgres');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  if (account) chownSync(home, account.uid, account.gid);
  return home;
}

function homeFor(account: PostgresAccount, dataDir: string): string {
  const own = join(dataDir, 'postgres');
  const note = join(dataDir, 'postgres-home');
  if (existsSync(note)) return readFileSync(note, 'utf8').trim();
  if (canReach(account, dataDir)) return own;
  mkdirSync(SYSTEM_DIR, { recursive: true, mode: 0o755 });
  const home = join(SYSTEM_DIR, `data-${randomBytes(8).toString('hex')}`);
  writeFileSync(note, `${home}\n`, { mode: 0o600 });
  return home;
}
