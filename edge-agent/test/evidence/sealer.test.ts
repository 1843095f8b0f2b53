import { chmod, mkdir, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, test } from 'vitest';
import { isSignedBy, sha256Of } from '@sitecast/shared/node/signing';
import {
  MAX_SEAL_BODY_CHARACTERS,
  readingsInSeal,
  sealBody,
  sealText,
  type SealBody,
  type SealMessage,
} from '@sitecast/shared/protocol/evidence';
import type { SnapshotHeader } from '@sitecast/shared/protocol/snapshot-envelope';
import { Sealer, UNSEALED_MAX_GAPS, UNSEALED_MAX_READINGS } from '../../src/evidence/sealer.ts';
import { KEY_FILE, SigningKey } from '../../src/evidence/signing-key.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { ManualClock, silentLogger, temporaryFolder } from '../support.ts';

const ADDRESS = { site: 'yard', agent: 'gateway' };

describe('the key of an agent', () => {
  test('is made once, is readable by its owner only, and stays the same', async () => {
    const folder = await temporaryFolder();
    const first = await SigningKey.open(folder);
    await chmod(join(folder, KEY_FILE), 0o644);
    const again = await SigningKey.open(folder);
    expect(again.publicKey).toBe(first.publicKey);
    expect((await stat(join(folder, KEY_FILE))).mode & 0o777).toBe(0o600);
    expect(isSignedBy(first.publicKey, 'text', again.sign('text'))).toBe(true);
    expect(isSignedBy(first.publicKey, 'texT', again.sign('text'))).toBe(false);
  });

  test('is never replaced by another one because its file is damaged', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, KEY_FILE), 'no key');
    await expect(SigningKey.open(folder)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('seals', () => {
  test('name every reading once, in as many messages as they fit into, each linked to the one before', async () => {
    const { sealer, seals, bodies, key } = await opened();
    for (let n = 0; n < 5_000; n += 1)
      sealer.noteReadings(`sensor-${n % 300}`, [{ tsMs: 1_800_000_000_000 + n, values: { value: n / 7 } }]);
    await sealer.seal();
    expect(seals.length).toBeGreaterThan(3);
    for (const { body, signature } of seals) {
      expect(body.length).toBeLessThanOrEqual(MAX_SEAL_BODY_CHARACTERS);
      expect(isSignedBy(key.publicKey, sealText(ADDRESS, body), signature)).toBe(true);
    }
    const links = seals.map(({ body }) => sha256Of(sealText(ADDRESS, body)));
    expect(bodies().map(({ previousSha256 }) => previousSha256)).toEqual([null, ...links.slice(0, -1)]);
    const readings = bodies().flatMap(readingsInSeal);
    const values = new Map(readings.map(({ sensor, tsMs, value }) => [tsMs, { sensor, value }]));
    expect(readings).toHaveLength(5_000);
    for (let n = 0; n < 5_000; n += 1)
      expect(values.get(1_800_000_000_000 + n)).toEqual({ sensor: `sensor-${n % 300}`, value: n / 7 });
  });

  test('say since when something may be in none, where more came than is remembered', async () => {
    const { sealer, bodies, clock } = await opened();
    const since = new Date(clock.nowMs()).toISOString();
    for (let n = 0; n <= UNSEALED_MAX_READINGS; n += 1)
      sealer.noteReadings('flood', [{ tsMs: 1_800_000_000_000 + n, values: { value: n } }]);
    await sealer.seal();
    expect(bodies().map(({ unsealedFrom }) => unsealedFrom)).toEqual([
      since,
      ...bodies()
        .slice(1)
        .map(() => null),
    ]);
    expect(bodies().flatMap(readingsInSeal)).toHaveLength(UNSEALED_MAX_READINGS);
  });

  test('go on with the chain after a restart, and say when the run before ended without one', async () => {
    const house = await opened();
    house.sealer.noteReadings('climate', [{ tsMs: 1, values: { value: 1 } }]);
    await house.sealer.close();
    const after = await house.open();
    after.noteReadings('climate', [{ tsMs: 2, values: { value: 2 } }]);
    await after.seal();
    const killed = await house.open();
    await killed.seal();
    // One that may not have got into the spool is put again, as it was.
    const [first, second, again, third] = house.bodies();
    expect(again).toEqual(second);
    expect([first?.sequence, second?.sequence, third?.sequence]).toEqual([1, 2, 3]);
    expect(new Set(house.bodies().map(({ chain }) => chain)).size).toBe(1);
    expect([first?.unsealedFrom, second?.unsealedFrom]).toEqual([null, null]);
    expect(third?.unsealedFrom).toBe(second?.at);
  });

  test('of all that is spooled while seals are not are said later, the oldest apart', async () => {
    const house = await opened();
    house.refuse = true;
    for (let count = 1; count <= UNSEALED_MAX_GAPS + 1; count += 1) house.sealer.noteGap(gapOf(count));
    await house.sealer.seal();
    house.sealer.noteGap(gapOf(5_000));
    house.refuse = false;
    await house.sealer.seal();
    const said = house.bodies().flatMap(({ gaps }) => gaps.map(({ count }) => count));
    expect(said).toEqual([...Array.from({ length: UNSEALED_MAX_GAPS }, (_, n) => n + 2), 5_000]);
    expect(house.bodies()[0]?.unsealedFrom).not.toBeNull();
  });

  test('say since when something may be in none, after a run that signed nothing', async () => {
    const house = await opened();
    house.sealer.noteReadings('climate', [{ tsMs: 1, values: { value: 1 } }]);
    await house.sealer.close();
    await Sealer.leaveOut(house.dataDir);
    await (await house.open()).seal();
    const [first, second] = house.bodies();
    expect([first?.unsealedFrom, second?.unsealedFrom]).toEqual([null, first?.at]);
  });

  test('keep their chain, however snapshots and seals share the disk', async () => {
    const house = await opened();
    for (let round = 0; round < 20; round += 1) {
      house.sealer.noteReadings('climate', [{ tsMs: round, values: { value: round } }]);
      const signing = Array.from({ length: 5 }, () =>
        house.sealer.snapshot(pictureOf(), () => Promise.resolve()),
      );
      await Promise.all([house.sealer.seal(), ...signing]);
    }
    const after = await house.open();
    after.noteReadings('climate', [{ tsMs: 99, values: { value: 99 } }]);
    await after.seal();
    expect(new Set(house.bodies().map(({ chain }) => chain)).size).toBe(1);
    const sequences = house.bodies().map(({ sequence }) => sequence);
    expect(new Set(sequences).size).toBe(Math.max(...sequences));
  });

  test('wait for a disk that takes nothing, also at the start', async () => {
    const house = await opened();
    await house.sealer.close();
    await mkdir(join(house.dataDir, 'evidence.json.new'));
    const sealer = await house.open();
    sealer.noteReadings('climate', [{ tsMs: 1, values: { value: 1 } }]);
    await sealer.seal();
    expect(house.seals).toEqual([]);
    await rmdir(join(house.dataDir, 'evidence.json.new'));
    await sealer.seal();
    expect(house.bodies().flatMap(readingsInSeal)).toHaveLength(1);
  });

  test('nothing at all is said when nothing was spooled', async () => {
    const { sealer, seals } = await opened();
    await sealer.seal();
    await sealer.close();
    expect(seals).toEqual([]);
  });
});

const AT = '2026-03-01T09:00:00.000Z';
const gapOf = (count: number): SealBody['gaps'][number] => ({ lane: 'snapshots', from: AT, to: AT, count });

function pictureOf(): SnapshotHeader {
  return {
    id: ulid(),
    camera: 'front',
    capturedAt: AT,
    reason: 'interval',
    type: 'image/jpeg',
    width: 8,
    height: 8,
    bytes: 1,
    sha256: '0'.repeat(64),
    maskVersion: 0,
  };
}

async function opened() {
  const dataDir = await temporaryFolder();
  const clock = new ManualClock();
  const key = await SigningKey.open(dataDir);
  const seals: SealMessage[] = [];
  const house = { refuse: false };
  const put = async (seal: SealMessage): Promise<void> => {
    if (house.refuse) throw new Error('the lane is full');
    seals.push(seal);
  };
  const log = new QuietLog(silentLogger);
  const open = (): Promise<Sealer> => Sealer.open({ dataDir, address: ADDRESS, key, put, log, clock });
  const bodies = (): SealBody[] => seals.map(({ body }) => sealBody.parse(JSON.parse(body)));
  return Object.assign(house, { sealer: await open(), open, seals, bodies, key, clock, dataDir });
}
