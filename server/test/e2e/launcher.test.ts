// The launcher by itself: a bare machine, a second start, ports that are taken, a second launcher.

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { PATIENCE_MS } from '../../../shared/test/patience.ts';
import { descendantsOf, Sitecast, waitFor } from './support/sitecast.ts';

const LAUNCHER = fileURLToPath(new URL('../../dist/standalone/main.js', import.meta.url));
const FREE_PORTS = ['--port', '0', '--mqtt-port', '0', '--media-port', '0'];
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('the launcher', () => {
  it('runs without ffmpeg, redis, postgres or chromium on PATH, and a second start keeps data and login', async () => {
    const dataDir = newFolder();
    const env = { PATH: barePath(newFolder()) };
    const first = await Sitecast.start({ dataDir, env });
    const { password } = first.ready;
    expect(statSync(join(dataDir, 'ready.json')).mode & 0o777).toBe(0o600);
    const session = await first.login();
    const snapshot = await waitFor(
      async () => (await session.get<{ items: { id: string }[] }>('snapshots')).items[0],
      'a snapshot by the bundled ffmpeg',
    );
    expect((await first.stop('SIGTERM')).code).toBe(0);

    await using second = await Sitecast.start({ dataDir, env });
    expect(second.ready.password).toBe(password);
    expect((await (await second.login()).fetch(`snapshots/${snapshot.id}`)).status).toBe(200);

    const readyFile = join(dataDir, 'ready.json');
    const { status, stderr } = launch('--data-dir', dataDir, '--ready-file', readyFile, ...FREE_PORTS);
    expect(status).toBe(1);
    expect(stderr).toContain(`${dataDir} is in use by process ${second.launcherPid}`);
    expect(second.ready.password).toBe(password);
  });

  it('takes every child along when it is killed, PostgreSQL too, and starts again', async () => {
    const dataDir = newFolder();
    const killed = await Sitecast.start({ dataDir });
    const { pids, databaseUrl } = killed.ready;
    const children = descendantsOf(killed.launcherPid).map(({ pid }) => pid);
    expect(children).toEqual(expect.arrayContaining([pids.server, pids.agent]));
    await killed.stop('SIGKILL');
    await waitFor(() => !children.some(isAlive), 'the end of the children');
    rmSync(join(dataDir, 'ready.json'));

    await using again = await Sitecast.start({ dataDir });
    expect(new URL(again.ready.databaseUrl).password).toBe(new URL(databaseUrl).password);
  });

  it('stops while PostgreSQL is being made, and leaves nothing behind that hinders the next start', async () => {
    const dataDir = newFolder();
    const child = spawn(process.execPath, [LAUNCHER, '--data-dir', dataDir, ...FREE_PORTS], {
      stdio: 'ignore',
    });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    await waitFor(() => existsSync(join(dataDir, 'postgres/data.partial')), 'initdb');
    child.kill('SIGTERM');
    expect(await gone).toBe(0);
    expect(existsSync(join(dataDir, 'postgres/data'))).toBe(false);
    await using again = await Sitecast.start({ dataDir });
    expect(again.ready.username).toBe('admin');
  });

  it.each(['--port', '--mqtt-port', '--media-port'])('names a taken port and %s', async (option) => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    try {
      const others = ['--port', '--mqtt-port', '--media-port'].filter((name) => name !== option);
      const { status, stderr } = launch(
        '--data-dir',
        newFolder(),
        option,
        String(port),
        ...others.flatMap((name) => [name, '0']),
      );
      expect(status).toBe(1);
      expect(stderr).toContain(`port ${port} is taken by another program; choose another with ${option}`);
    } finally {
      squatter.close();
    }
  });

  it.each([
    ['an unknown option', ['--nonsense']],
    ['a camera that is none', ['--camera', 'http://user:hunter2@example.invalid']],
    ['a port that is none', ['--port', '99999']],
    ['a port that is wanted twice', ['--port', '8099', '--mqtt-port', '8099']],
  ])('says what is wrong with %s, exit code 64, without repeating a password', (_what, args) => {
    const { status, stderr } = launch('--data-dir', newFolder(), ...args);
    expect(status).toBe(64);
    expect(stderr).toMatch(/error:/);
    expect(stderr).not.toContain('hunter2');
  });

  it.each(['--ready-file', '--data-dir'])('says that %s leads nowhere, exit code 78', (option) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
    const { status, stderr } = launch('--data-dir', join(folder, 'data'), option, join(folder, 'file/in'));
    expect(status).toBe(78);
    expect(stderr).toMatch(new RegExp(`^\\s*Sitecast could not start: ${option} cannot be`));
  });
});

function launch(...args: string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [LAUNCHER, ...args], { encoding: 'utf8', timeout: PATIENCE_MS });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sitecast-launcher-'));
  // Where the account of root's PostgreSQL may pass, or the database would lie in /var/lib and stay there.
  chmodSync(folder, 0o711);
  folders.push(folder);
  return folder;
}

/** A PATH with little more than a shell: what the launcher and embedded PostgreSQL may count on. */
function barePath(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const tool of ['sh', 'ls', 'id', 'locale', 'useradd', 'groupadd', 'getent']) {
    const found = spawnSync('sh', ['-c', 'command -v "$0"', tool], { encoding: 'utf8' }).stdout.trim();
    if (found) symlinkSync(found, join(folder, tool));
  }
  return folder;
}
