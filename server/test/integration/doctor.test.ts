import { once } from 'node:events';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ulid } from 'ulid';
import type { Check } from '@sitecast/shared/node/check';
import { runProgram } from '../../src/commands/program.ts';
import { MediaRemoval } from '../../src/retention/media-removal.ts';
import { openMediaHouse, type MediaHouse } from '../support/media.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { appStarter } from '../support/running-app.ts';

const LONG_AGO = new Date(Date.now() - 2 * 3_600_000);

describe('sitecast-server doctor', () => {
  const postgres = useTestPostgres();
  const startApp = appStarter(postgres);

  it('says that all is well, a line each, and prints the same as JSON', async () => {
    const house = await openMediaHouse(postgres);
    await house.storeSnapshot(1);
    await house.storeClip(1);
    const { code, checks } = await examine(house);
    expect(checks.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect([code, checks.map(({ name }) => name)]).toEqual([
      0,
      [
        ...['node', 'settings', 'memory', 'data folder', 'disk', 'PORT', 'MQTT_PORT', 'MEDIA_PORT'],
        ...[
          'postgresql',
          'migrations',
          'clock',
          'staging',
          'clip uploads',
          'snapshots',
          'clips',
          'reports',
          'garbage',
          'set aside',
        ],
      ],
    ]);
    const lines = await run(house, []);
    expect(lines.output).toMatch(/^ok {7}snapshots {5}1 rows and 2 files looked at: each has the other$/m);
  });

  it('warns of a clock that is far from where the server saw it last', async () => {
    const house = await openMediaHouse(postgres);
    const seenAt = new Date(Date.now() - 100 * 86_400_000);
    await house.database.query('insert into server_clock (seen_at) values ($1)', [seenAt]);
    const { code, checks } = await examine(house);
    expect([code, stateOf(checks, 'clock')]).toEqual([0, 'warning']);
    expect(textOf(checks, 'clock')).toContain(`believed the clock last at ${seenAt.toISOString()}`);
  });

  it('finds rows without files and files without rows, and repairs both without losing a file', async () => {
    const house = await openMediaHouse(postgres);
    const whole = await house.storeSnapshot(1);
    const broken = [await house.storeSnapshot(2), await house.storeClip(2)];
    await rm(await pathOf(house, `${broken[0]}.thumbnail.jpg`));
    await rm(await pathOf(house, `${broken[1]}.mp4`));
    const orphans = [await house.storeSnapshot(3), await house.storeClip(3)];
    await house.database.query('delete from snapshots where id = $1', [orphans[0]]);
    await house.database.query('delete from clips where id = $1', [orphans[1]]);
    await house.storeClip(1);
    await age(house);
    const found = await examine(house);
    expect([found.code, stateOf(found.checks, 'snapshots'), stateOf(found.checks, 'clips')]).toEqual([
      1,
      'failed',
      'failed',
    ]);
    expect(textOf(found.checks, 'snapshots')).toContain(
      `1 rows without their file (${broken[0]}); 2 files without a row`,
    );
    expect(await house.ids('snapshots')).toHaveLength(2);

    const repaired = await examine(house, ['--repair']);
    expect([repaired.code, textOf(repaired.checks, 'garbage')]).toEqual([0, '2 items unlinked']);
    expect([await house.ids('snapshots'), await house.ids('garbage')]).toEqual([[whole], []]);
    const aside = await readdir(join(house.dataDir, 'orphans'), { recursive: true });
    for (const name of [`${orphans[0]}.jpg`, `${orphans[0]}.thumbnail.jpg`, `${orphans[1]}.mp4`])
      expect(aside.some((path) => path.endsWith(name))).toBe(true);
    const after = await examine(house);
    expect([after.code, stateOf(after.checks, 'snapshots'), stateOf(after.checks, 'clips')]).toEqual([
      0,
      'ok',
      'ok',
    ]);
    expect(stateOf(after.checks, 'set aside')).toBe('warning');
  });

  it('finds reports without their file and files without a report, and repairs both', async () => {
    const house = await openMediaHouse(postgres);
    const [whole, broken, failed, running, orphan] = Array.from({ length: 5 }, () => ulid());
    for (const [id, kind, state] of [
      [whole, 'html', 'done'],
      [broken, 'xlsx', 'done'],
      [failed, 'csv', 'failed'],
      [running, 'csv', 'running'],
    ])
      await house.database.query(
        `insert into reports (id, site, kind, from_at, to_at, state, created_at, finished_at, error_code)
         values ($1, 'home', $2, now() - interval '1 day', now(), $3::text, now(),
           case when $3 in ('done', 'failed') then now() end, case when $3 = 'failed' then 'INTERNAL' end)`,
        [id, kind, state],
      );
    await mkdir(join(house.dataDir, 'reports'), { recursive: true });
    for (const name of [`${whole}.html`, `${running}.csv`, `${orphan}.csv`, `${failed}.csv`, 'x.partial'])
      await writeFile(join(house.dataDir, 'reports', name), 'a report');
    await age(house);
    const found = await examine(house);
    expect([found.code, textOf(found.checks, 'reports')]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `^2 rows and 5 files looked at: 1 rows without their file \\(${broken}\\); 2 files without a row .*; 1 files half written`,
        ),
      ),
    ]);
    expect((await examine(house, ['--repair'])).code).toBe(0);
    const rows = await house.database.query<{ id: string }>('select id from reports order by id');
    expect(rows.map(({ id }) => id)).toEqual([whole, failed, running].toSorted());
    expect((await readdir(join(house.dataDir, 'reports'))).toSorted()).toEqual(
      [`${whole}.html`, `${running}.csv`].toSorted(),
    );
    expect((await readdir(join(house.dataDir, 'orphans/reports'))).toSorted()).toEqual(
      [`${orphan}.csv`, `${failed}.csv`].toSorted(),
    );
    expect(stateOf((await examine(house)).checks, 'reports')).toBe('ok');
  });

  it('leaves alone what may still get its row: new files, those of staged snapshots, and what waits to be unlinked', async () => {
    const house = await openMediaHouse(postgres);
    const staged = await house.storeSnapshot(1);
    const waiting = await house.storeSnapshot(1);
    await new MediaRemoval(house.database).removeOne('snapshots', waiting, 'person');
    await age(house);
    await house.database.query('delete from snapshots');
    await mkdir(join(house.dataDir, 'staging'), { recursive: true });
    await writeFile(join(house.dataDir, 'staging', `${staged}.home.gateway`), 'an envelope');
    const fresh = await house.storeSnapshot(1);
    await house.database.query('delete from snapshots');
    const { code, checks } = await examine(house, ['--repair']);
    expect([code, stateOf(checks, 'snapshots')]).toEqual([0, 'ok']);
    const names = await house.files();
    for (const id of [staged, fresh]) expect(names).toContain(`${id}.jpg`);
    expect(names).not.toContain(`${waiting}.jpg`);
  });

  it('removes what was half written, and does not touch what is not ours', async () => {
    const house = await openMediaHouse(postgres);
    await house.storeSnapshot(1);
    for (const name of ['media/home/0123.partial', 'clips/files/0123.partial', 'media/home/holiday.jpg']) {
      await mkdir(join(house.dataDir, name, '..'), { recursive: true });
      await writeFile(join(house.dataDir, name), 'half');
    }
    await mkdir(join(house.dataDir, 'staging'), { recursive: true });
    await writeFile(join(house.dataDir, 'staging/0123.partial'), 'half');
    await mkdir(join(house.dataDir, 'clips/parts', `${ulid()}.home.gateway`), { recursive: true });
    await age(house);
    const { code, checks } = await examine(house, ['--repair']);
    expect([code, stateOf(checks, 'snapshots')]).toEqual([0, 'warning']);
    expect(textOf(checks, 'snapshots')).toContain('1 files are not ours (media/home/holiday.jpg)');
    expect((await house.files()).filter((name) => !/^[0-9A-Z]{26}/.test(name))).toEqual(['holiday.jpg']);
  });

  it('walks many rows and files in small pieces', async () => {
    const house = await openMediaHouse(postgres);
    const ids: string[] = [];
    for (let n = 0; n < 1_201; n += 1) ids.push(await house.storeClip(n / 100, 10));
    await rm(await pathOf(house, `${ids[700]}.mp4`));
    await house.database.query('delete from clips where id = $1', [ids[900]]);
    await age(house);
    const { checks } = await examine(house);
    expect(textOf(checks, 'clips')).toBe(
      `1200 rows and 1200 files looked at: 1 rows without their file (${ids[700]}); 1 files without a row (clips/files/${ids[900]}.mp4)`,
    );
  });

  it('knows the ports of a server that runs from those that another program has taken', async () => {
    const server = await startApp();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const { http, data, media } = server.ports;
    const ports = { PORT: String(http), MQTT_PORT: String(data), MEDIA_PORT: String(media) };
    const env = {
      DATABASE_URL: server.databaseUrl,
      DATA_DIR: server.dataDir,
      MIN_FREE_DISK_BYTES: '0',
      ...ports,
    };
    const running = await ask(env, ['--json']);
    const states = (JSON.parse(running.output) as { checks: Check[] }).checks;
    expect([running.code, textOf(states, 'MQTT_PORT')]).toEqual([
      0,
      `${data} is taken by the server that runs`,
    ]);

    const stranger = createServer().listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    onTestFinished(() => void stranger.close());
    const { port } = stranger.address() as AddressInfo;
    const taken = await ask({ ...env, MQTT_PORT: String(port), PORT: '0' }, ['--json']);
    expect(taken.code).toBe(1);
    expect(textOf((JSON.parse(taken.output) as { checks: Check[] }).checks, 'MQTT_PORT')).toBe(
      `${port} is taken by another program`,
    );
  });

  it('tells a database that is away, and one that is behind, and what to do; 78 for settings', async () => {
    const house = await openMediaHouse(postgres);
    const away = await examine(house, [], { DATABASE_URL: 'postgres://kim:hunter2@127.0.0.1:1/x' });
    expect([away.code, stateOf(away.checks, 'postgresql'), stateOf(away.checks, 'snapshots')]).toEqual([
      1,
      'failed',
      'skipped',
    ]);
    expect(JSON.stringify(away.checks)).not.toContain('hunter2');
    await house.database.query('delete from schema_migrations where version = 12');
    const behind = await examine(house);
    expect(behind.checks.find(({ name }) => name === 'migrations')).toMatchObject({
      ...{ state: 'warning', text: expect.stringContaining('0012-retention.sql') as string },
      advice: expect.stringContaining('migrate') as string,
    });
    expect((await run(house, [], { PORT: 'many' })).code).toBe(78);
  });
});

function environment({ url, dataDir }: MediaHouse): Record<string, string> {
  const free = { PORT: '0', MQTT_PORT: '0', MEDIA_PORT: '0', MIN_FREE_DISK_BYTES: '0' };
  return { DATABASE_URL: url, DATA_DIR: dataDir, ...free };
}

async function examine(house: MediaHouse, argv: string[] = [], env: Record<string, string> = {}) {
  const { code, output } = await run(house, [...argv, '--json'], env);
  return { code, checks: (JSON.parse(output) as { checks: Check[] }).checks };
}

function run(house: MediaHouse, argv: string[], env: Record<string, string> = {}) {
  return ask({ ...environment(house), ...env }, argv);
}

async function ask(env: Record<string, string>, argv: string[]): Promise<{ code: number; output: string }> {
  let output = '';
  const context = {
    env,
    logger: testLogger,
    stopping: new AbortController().signal,
    print: (text: string) => void (output += text),
    readInput: async () => '',
  };
  const code = await runProgram(['doctor', ...argv], context, '0.0.0-test', () => undefined);
  return { code, output };
}

function stateOf(checks: Check[], name: string): string | undefined {
  return checks.find((one) => one.name === name)?.state;
}

function textOf(checks: Check[], name: string): string | undefined {
  return checks.find((one) => one.name === name)?.text;
}

async function pathOf({ dataDir }: MediaHouse, name: string): Promise<string> {
  const paths = await readdir(dataDir, { recursive: true });
  const found = paths.find((path) => path.endsWith(name));
  if (found === undefined) throw new Error(`there is no ${name}`);
  return join(dataDir, found);
}

/** As if everything had lain there for hours. */
async function age({ dataDir }: MediaHouse): Promise<void> {
  for (const path of await readdir(dataDir, { recursive: true }))
    await utimes(join(dataDir, path), LONG_AGO, LONG_AGO);
}
