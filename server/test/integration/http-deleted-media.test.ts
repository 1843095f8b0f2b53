import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ulid } from 'ulid';
import { openHttpHarness, type HttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { makeSnapshot } from '../support/snapshots.ts';
import { SnapshotStore } from '../../src/ingest/snapshot-store.ts';
import { MediaRemoval } from '../../src/retention/media-removal.ts';

const YEAR_MS = 365 * 86_400_000;

describe('pictures that are deleted', () => {
  const postgres = useTestPostgres();

  it('by an admin are gone with their files; nobody else may, and other sites look as if they did not exist', async () => {
    await using house = await openHttpHarness(postgres);
    const id = await store(house, Date.now());
    const url = `/api/v1/snapshots/${id}`;
    const remove = async (cookie: string): Promise<number> =>
      (await house.request(cookie, { method: 'DELETE', url, headers: ORIGIN })).statusCode;
    const admin = await house.login('admin');
    expect(await remove(await house.login('operator'))).toBe(403);
    expect(await remove(await house.login('admin', ['elsewhere']))).toBe(404);
    expect((await house.request(admin, { url })).statusCode).toBe(200);
    expect(await remove(admin)).toBe(204);
    const after = await house.request(admin, { url });
    expect([after.statusCode, codeOf(after.body)]).toEqual([404, 'NOT_FOUND']);
    expect(await remove(admin)).toBe(404);
    const files = await readdir(join(house.dataDir, 'media'), { recursive: true });
    expect(files.filter((name) => name.includes(id))).toEqual([]);
  });

  it('by retention are 404 with a reason of their own, in both languages', async () => {
    await using house = await openHttpHarness(postgres);
    const old = await store(house, Date.now() - YEAR_MS);
    const removal = new MediaRemoval(house.database);
    await removal.removeOldest({ kind: 'snapshots', reason: 'age', before: new Date() });
    const viewer = await house.login('viewer');
    for (const path of ['', '/thumbnail']) {
      const answer = await house.request(viewer, { url: `/api/v1/snapshots/${old}${path}` });
      expect([answer.statusCode, codeOf(answer.body)]).toEqual([404, 'DELETED_BY_RETENTION']);
      expect(answer.body).toContain('삭제되었습니다');
    }
    const unknown = await house.request(viewer, { url: `/api/v1/snapshots/${ulid()}` });
    expect(codeOf(unknown.body)).toBe('NOT_FOUND');
  });
});

const ORIGIN = { host: 'localhost', origin: 'http://localhost' };

async function store(house: HttpHarness, atMs: number): Promise<string> {
  await house.database.query(`insert into sites (id, name) values ('home', 'Home') on conflict do nothing`);
  const made = makeSnapshot({ id: ulid(atMs), capturedAt: new Date(atMs).toISOString() });
  const paths = await house.mediaStore.put('home', made);
  await new SnapshotStore(house.database).insert({
    ...{ site: 'home', agent: 'gateway', receivedAt: new Date(atMs), header: made.header },
    ...paths,
  });
  return made.header.id;
}

function codeOf(body: string): string {
  return (JSON.parse(body) as { error: { code: string } }).error.code;
}
