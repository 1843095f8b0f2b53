// kill -9 of a real server in the middle of deleting thousands of pictures, again and again: nothing dangles, nothing is forgotten.

import { randomBytes } from 'node:crypto';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ulid } from 'ulid';
import { openMediaHouse, type MediaHouse } from '../support/media.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const OLD = 3_000;
const DAY_MS = 86_400_000;
const CAPTURED_AT = new Date(Date.now() - 100 * DAY_MS);

describe('retention that is killed', () => {
  const postgres = useTestPostgres();

  it('leaves no row without its file and no file that is forgotten, and the next start finishes it', async () => {
    const house = await openMediaHouse(postgres);
    await fill(house);
    const kept = [await house.storeSnapshot(1), await house.storeSnapshot(2)].sort();
    const env = environment(house);
    let left = OLD;
    for (let kill = 1; kill <= 3; kill += 1) {
      const server = start(env);
      await waitFor('some to be deleted', async () => (await count(house)) < left - 300);
      server.kill('SIGKILL');
      await once(server, 'exit');
      left = await count(house);
      expect([kill, await house.faults()]).toEqual([kill, { dangling: [], orphans: [] }]);
    }
    expect(left).toBeGreaterThan(kept.length);
    const server = start(env);
    await waitFor('the rest to be deleted', async () => (await count(house)) === kept.length);
    await waitFor('the last file', async () => (await house.ids('garbage')).length === 0);
    expect([await house.ids('snapshots'), await house.faults()]).toEqual([
      kept,
      { dangling: [], orphans: [] },
    ]);
    const running = await doctor(env);
    expect([running.code, running.faults]).toEqual([0, []]);
    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
    const stopped = await doctor(env);
    expect([stopped.code, stopped.faults]).toEqual([0, []]);
  });
});

function start(env: Record<string, string>): ChildProcess {
  const server = spawn(process.execPath, [PROGRAM, 'start'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  onTestFinished(() => void server.kill('SIGKILL'));
  return server;
}

/** Its findings about files: what a stopped server misses elsewhere is not asked. */
async function doctor(env: Record<string, string>): Promise<{ code: number; faults: unknown[] }> {
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [PROGRAM, 'doctor', '--json'],
      { env: { ...process.env, ...env } },
      (_, stdout) => resolve({ code: child.exitCode ?? -1, output: stdout }),
    );
  });
  const { checks } = JSON.parse(output) as { checks: { name: string; state: string }[] };
  return { code, faults: checks.filter(({ state }) => state === 'failed') };
}

function environment({ url, dataDir }: MediaHouse): Record<string, string> {
  const ports = { PORT: '0', MQTT_PORT: '0', MEDIA_PORT: '0' };
  const kept = { RETENTION_SNAPSHOTS_DAYS: '30', MIN_FREE_DISK_BYTES: '0' };
  return { DATABASE_URL: url, DATA_DIR: dataDir, LOG_LEVEL: 'error', ...ports, ...kept };
}

async function count({ database }: MediaHouse): Promise<number> {
  const [row] = await database.query<{ count: number }>('select count(*) as count from snapshots');
  return row?.count ?? 0;
}

/** Old ones, by the thousand: their files without the care of the media store, their rows in one statement. */
async function fill({ database, dataDir }: MediaHouse): Promise<void> {
  const ids: string[] = [];
  const paths: string[] = [];
  const day = CAPTURED_AT.toISOString().slice(0, 10);
  await mkdir(join(dataDir, 'media/home', day), { recursive: true });
  for (let n = 0; n < OLD; n += 1) {
    const id = ulid(CAPTURED_AT.getTime() + n);
    ids.push(id);
    paths.push(`home/${day}/${id}`);
    for (const suffix of ['.jpg', '.thumbnail.jpg']) {
      const path = join(dataDir, 'media', `home/${day}/${id}${suffix}`);
      await writeFile(path, randomBytes(64));
      await utimes(path, CAPTURED_AT, CAPTURED_AT);
    }
  }
  await database.query(
    `insert into snapshots (id, site, camera, agent, captured_at, received_at, reason, type, width, height, bytes, sha256,
       thumbnail_type, thumbnail_width, thumbnail_height, thumbnail_bytes, path, thumbnail_path)
     select id, 'home', 'front', 'gateway', $3::timestamptz + n * interval '1 ms', $3, 'interval', 'image/jpeg', 64, 64, 64,
       decode(repeat('00', 32), 'hex'), 'image/jpeg', 32, 32, 64, path || '.jpg', path || '.thumbnail.jpg'
     from unnest($1::text[], $2::text[]) with ordinality as made (id, path, n)`,
    [ids, paths, CAPTURED_AT],
  );
}
