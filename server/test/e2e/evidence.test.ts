// What an agent signs, stored by the server's own parts, and then tampered with.

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { sealMessage, sealText, type SealMessage } from '@sitecast/shared/protocol/evidence';
import { decodeSnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { parseReadings } from '@sitecast/shared/protocol/telemetry';
import { parseTopic } from '@sitecast/shared/protocol/topics';
import { newSigningKey, publicKeyOf, signText } from '@sitecast/shared/node/signing';
import { Sealer } from '../../../edge-agent/src/evidence/sealer.ts';
import { KEY_FILE, SigningKey } from '../../../edge-agent/src/evidence/signing-key.ts';
import { QuietLog } from '../../../edge-agent/src/health/quiet-log.ts';
import { Outbox } from '../../../edge-agent/src/uplink/outbox.ts';
import { RowExpiry } from '../../src/retention/row-expiry.ts';
import { SealStore } from '../../src/evidence/seal-store.ts';
import { SigningKeys } from '../../src/evidence/signing-keys.ts';
import { verifyEvidence } from '../../src/evidence/verify.ts';
import type { Proof } from '../../src/evidence/proof.ts';
import { SnapshotStore } from '../../src/ingest/snapshot-store.ts';
import { MediaStore } from '../../src/media-store/media-store.ts';
import { LatestValues } from '../../src/telemetry/latest-values.ts';
import { Partitions } from '../../src/telemetry/partitions.ts';
import { ReadingBatcher } from '../../src/telemetry/reading-batcher.ts';
import { SeriesCatalogue } from '../../src/telemetry/series-catalogue.ts';
import { TelemetryStore } from '../../src/telemetry/telemetry-store.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { makeSnapshot } from '../support/snapshots.ts';
import { ulid } from 'ulid';

const AGENT = { site: 'yard', agent: 'gateway' };
const MINUTE_MS = 60_000;
const postgres = useTestPostgres();

describe('a record that an agent signed', () => {
  it('is whole when nothing was done to it, across a restart of the agent and a second one of its key file', async () => {
    const house = await openHouse();
    await house.live(10);
    await house.restart();
    await house.live(10);
    const proof = await house.verify();
    expect(proof.findings).toEqual([]);
    expect(proof.isWhole).toBe(true);
    expect(proof.agents).toEqual(['gateway']);
    expect(proof.checked).toMatchObject({ readings: 40, snapshots: 4, files: 4 });
    expect(proof.checked.seals).toBeGreaterThanOrEqual(20);
    expect(proof.notes).toEqual({ 'chain-begun': 1 });
    expect((await stat(join(house.agentDir, KEY_FILE))).mode & 0o777).toBe(0o600);
    expect(await house.keys()).toHaveLength(1);
  });

  const READING = `series_id = (select id from series where metric = 'temperature') and value`;
  it.each<[what: string, tamper: string[], kinds: string[]]>([
    ['another value', [`update telemetry set value = 99 where ${READING} = 5`], ['reading-changed']],
    ['a reading less', [`delete from telemetry where ${READING} = 5`], ['reading-missing']],
    [
      'two readings swapped',
      [`update telemetry set value = 11 - value where ${READING} in (5, 6)`],
      ['reading-swapped', 'reading-swapped'],
    ],
    [
      'a reading more',
      [
        `insert into telemetry select series_id, ts + interval '7 seconds', 1 from telemetry where ${READING} = 5`,
      ],
      ['reading-added'],
    ],
    [
      'a snapshot less',
      ['delete from snapshots where id = (select id from snapshots order by id offset 1 limit 1)'],
      ['snapshot-missing', 'snapshot-out-of-order'],
    ],
    [
      'a snapshot of another time',
      [
        `update snapshots set captured_at = captured_at + interval '1 second' where id = (select max(id) from snapshots)`,
      ],
      ['snapshot-changed'],
    ],
    [
      'a snapshot without its signature',
      ['update snapshots set signature = null where id = (select max(id) from snapshots)'],
      ['snapshot-unsigned'],
    ],
    ['a seal less', ['delete from seals where sequence = 4'], ['seal-missing']],
    [
      'two seals swapped',
      [
        'update seals set sequence = 1000 where sequence = 4',
        'update seals set sequence = 4 where sequence = 5',
        'update seals set sequence = 5 where sequence = 1000',
      ],
      ['seal-changed', 'seal-changed'],
    ],
    [
      'another seal',
      [`update seals set body = replace(body, ',5]', ',7]') where sequence = 5`],
      ['seal-changed'],
    ],
  ])('is found to have %s, and says which', async (_what, tamper, kinds) => {
    const house = await openHouse();
    await house.live(15);
    for (const statement of tamper) await house.database.query(statement, []);
    const proof = await house.verify();
    expect(proof.isWhole).toBe(false);
    const found = proof.findings.map(({ kind }) => kind);
    // A seal that is not believed proves its readings no more, and the next one does not follow it.
    const consequences = ['reading-added', 'seal-out-of-order'];
    const own = kinds.includes('reading-added')
      ? found
      : found.filter((kind) => !consequences.includes(kind));
    expect(own.sort()).toEqual(kinds.sort());
    for (const { what } of proof.findings)
      expect(what).toMatch(/^(climate (temperature|door) 2026-|snapshot 01|seal \d)/);
  });

  it('is found to have another file than was signed, or none', async () => {
    const house = await openHouse();
    await house.live(10);
    const rows = await house.database.query<{ path: string }>('select path from snapshots order by id', []);
    const [first, second] = rows.map(({ path }) => join(house.serverDir, 'media', path));
    const bytes = await readFile(first!);
    bytes[40] = bytes[40]! ^ 1;
    await writeFile(first!, bytes);
    await rm(second!);
    const { findings } = await house.verify();
    expect(findings.map(({ kind }) => kind)).toEqual(['file-changed', 'file-missing']);
  });

  it('is not believed when it was signed with another key, before an admin has accepted it; the old one signs no more', async () => {
    const house = await openHouse();
    await house.live(5);
    await rm(join(house.agentDir, KEY_FILE));
    await house.restart();
    await house.live(10);
    const [first, second] = await house.keys();
    expect([first?.acceptedAt, second?.acceptedAt]).toEqual([expect.any(Date), null]);
    const before = await house.verify();
    expect(new Set(before.findings.map(({ kind }) => kind))).toEqual(
      new Set(['key-unaccepted', 'reading-added']),
    );
    await new SigningKeys(house.database).accept(AGENT, second!.keyId);
    expect((await house.verify()).findings).toEqual([]);
    expect((await house.keys())[0]?.retiredAt).toEqual(expect.any(Date));
  });

  it('is found to be forged by somebody who writes a key and seals of his own into the database', async () => {
    const house = await openHouse();
    await house.live(10);
    const [honest] = await house.keys();
    const forged = newSigningKey();
    await new SigningKeys(house.database).seen(AGENT, publicKeyOf(forged));
    const [seal] = await house.database.query<{ body: string }>(
      'select body from seals where sequence = 5',
      [],
    );
    const body = seal!.body.replace(',5]', ',7]');
    await house.database.query(`update telemetry set value = 7 where ${READING} = 5`, []);
    const signature = signText(forged, sealText(AGENT, body));
    await house.database.query('update seals set body = $1, signature = $2 where sequence = 5', [
      body,
      signature,
    ]);
    expect((await house.verify()).findings.map(({ kind }) => kind)).toContain('key-unaccepted');
    // Who can write into the table of keys can accept it too: a key that was kept elsewhere tells.
    await house.database.query('update signing_keys set accepted_at = now()', []);
    const told = await house.verify({ trustedKeys: [honest!.publicKey] });
    expect(told.findings.map(({ kind }) => kind)).toContain('key-unaccepted');
  });

  it('is compared hour by hour, readings that were sealed hours after their time included', async () => {
    const house = await openHouse();
    await house.live(5);
    house.clock.advance(5 * 60 * MINUTE_MS);
    const lateMs = house.clock.nowMs() - 3 * 60 * MINUTE_MS;
    await house.outbox.reading('climate', { tsMs: lateMs, values: { temperature: 77 } });
    await house.live(5);
    const proof = await house.verify();
    expect(proof.findings).toEqual([]);
    expect(proof.checked.readings).toBe(21);
    const from = new Date(lateMs + 1);
    expect(await house.verify({ from })).toMatchObject({ findings: [], checked: { readings: 10 } });
    await house.database.query(`update telemetry set value = 78 where ${READING} = 77`, []);
    const [changed, ...others] = (await house.verify()).findings;
    expect(changed).toMatchObject({
      kind: 'reading-changed',
      what: `climate temperature ${new Date(lateMs).toISOString()}`,
    });
    expect(others).toEqual([]);
  });

  it('is not proved by keys that are gone, nor where nobody signs or there is no such site', async () => {
    const house = await openHouse();
    await house.live(5);
    const [key] = await house.keys();
    const kinds = (proof: Proof): Set<string> => new Set(proof.findings.map(({ kind }) => kind));
    await house.database.query('delete from signing_keys', []);
    expect(kinds(await house.verify())).toContain('key-unaccepted');
    await house.database.query('delete from seals', []);
    expect(kinds(await house.verify())).toEqual(new Set(['nothing-signed']));
    const told = await house.verify({ trustedKeys: [key!.publicKey] });
    expect(kinds(told)).toEqual(new Set(['nothing-signed', 'key-missing']));
    expect(told.isWhole).toBe(false);
    await expect(house.verify({ site: 'nosuch' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is proved up to the end of the period where newer seals are stored', async () => {
    const house = await openHouse();
    await house.live(5);
    const to = new Date(house.clock.nowMs());
    await house.live(5);
    expect((await house.verify({ to })).findings).toEqual([]);
    await house.database.query(
      `insert into telemetry select series_id, ts + interval '7 seconds', 1 from telemetry where ${READING} = 4
       order by ts limit 1`,
      [],
    );
    expect((await house.verify({ to })).findings.map(({ kind }) => kind)).toEqual(['reading-added']);
  });

  it('tells apart what the gateway lost and signed that it lost', async () => {
    const house = await openHouse();
    await house.live(5);
    house.lose = true;
    await house.live(3);
    house.lose = false;
    const now = house.clock.nowMs();
    await house.outbox.gap('telemetry', {
      id: ulid(),
      count: 9,
      fromMs: now - 3 * MINUTE_MS,
      toMs: now,
      reasons: {},
    });
    await house.live(5);
    const proof = await house.verify();
    expect(proof.findings).toEqual([]);
    expect(proof.notes['lost-on-the-way']).toBeGreaterThan(0);
    await house.database.query(`delete from telemetry where ${READING} = 1`, []);
    expect((await house.verify()).findings.map(({ kind }) => kind)).toEqual(['reading-missing']);
  });

  it('tells apart what was spooled before the agent was killed', async () => {
    const house = await openHouse();
    await house.live(5);
    await house.reading(99);
    await house.kill();
    house.clock.advance(30 * MINUTE_MS);
    await house.live(5);
    const proof = await house.verify();
    expect(proof.findings).toEqual([]);
    expect(proof.notes['not-sealed']).toBe(2);
  });

  it('sends a seal again that was made before the agent was killed, and the server keeps it once', async () => {
    const house = await openHouse();
    await house.live(3);
    house.refuse = true;
    await house.reading(99);
    house.clock.advance(MINUTE_MS);
    await house.sealer.seal();
    await house.kill();
    house.refuse = false;
    await house.live(3);
    const sequences = await house.database.query<{ sequence: number }>(
      'select sequence from seals order by 1',
      [],
    );
    expect(sequences.map(({ sequence }) => sequence)).toEqual(sequences.map((_row, at) => at + 1));
    expect((await house.verify()).findings).toEqual([]);
    await house.sealStore.accept(AGENT, house.seals.at(-1)!);
    const another = {
      ...house.seals.at(-1)!,
      body: house.seals.at(-1)!.body.replace('"gaps":[]', '"gaps": []'),
    };
    await expect(house.sealStore.accept(AGENT, another)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('tells apart what retention has deleted: days of readings, and old seals, whose chain keeps its anchor', async () => {
    const house = await openHouse();
    await house.live(5);
    house.clock.advance(24 * 60 * MINUTE_MS);
    await house.live(5);
    await house.database.query('drop table telemetry_20260101', []);
    const dropped = await house.verify();
    expect(dropped.findings).toEqual([]);
    expect(dropped.notes['deleted-by-retention']).toBe(10);
    expect(
      await new RowExpiry(house.database).removeOldest('seals', new Date(Date.UTC(2026, 0, 2))),
    ).toBeGreaterThan(0);
    const from = new Date(Date.UTC(2026, 0, 2));
    expect((await house.verify({ from })).findings).toEqual([]);
    await house.database.query('delete from seal_anchors', []);
    expect((await house.verify({ from })).findings.map(({ kind }) => kind)).toEqual(['seal-missing']);
  });
});

async function openHouse() {
  const test = await postgres.createDatabase();
  const agentDir = await mkdtemp(join(tmpdir(), 'sitecast-agent-'));
  const serverDir = await mkdtemp(join(tmpdir(), 'sitecast-server-'));
  const { database } = test;
  await database.query(`insert into sites (id, name) values ('yard', 'Yard')`, []);
  const partitions = new Partitions({ database, logger: testLogger });
  await partitions.start();
  const readings = new ReadingBatcher({
    catalogue: new SeriesCatalogue({ database }),
    store: new TelemetryStore({ database, partitions }),
    latest: new LatestValues(),
    onStored: () => undefined,
  });
  const media = await MediaStore.open(join(serverDir, 'media'));
  const snapshots = new SnapshotStore(database);
  const keys = new SigningKeys(database);
  const house = {
    database,
    agentDir,
    serverDir,
    clock: new ManualClock(),
    sealStore: new SealStore({ database }),
    /** As they were sent. */
    seals: [] as SealMessage[],
    outbox: undefined as unknown as Outbox,
    sealer: undefined as unknown as Sealer,
    lose: false,
    refuse: false,
    spooled: 0,
    keys: () => keys.list('yard', 'gateway'),
    async put(_lane: string, topicName: string, payload: Uint8Array): Promise<void> {
      const topic = parseTopic(topicName);
      if (house.refuse && topic?.kind === 'seal') throw new Error('the disk is full');
      if (house.lose || !topic) return;
      if (topic.kind === 'agent-telemetry') {
        const parsed = parseReadings(payload, house.clock.nowMs());
        await readings.add('yard', topic.sensor, { id: 'gateway' }, parsed);
      } else if (topic.kind === 'seal') {
        const seal = decodeMessage(sealMessage, payload);
        house.seals.push(seal);
        await house.sealStore.accept(AGENT, seal);
      } else if (topic.kind === 'snapshot') {
        const envelope = decodeSnapshotEnvelope(payload);
        const paths = await media.put('yard', envelope);
        const { header } = envelope;
        await snapshots.insert({ site: 'yard', agent: 'gateway', receivedAt: new Date(), header, ...paths });
      }
    },
    async start(): Promise<void> {
      const log = new QuietLog(testLogger);
      house.outbox = new Outbox({ address: AGENT, spool: house, log, clock: house.clock });
      house.sealer = await Sealer.open({
        dataDir: agentDir,
        address: AGENT,
        key: await SigningKey.open(agentDir),
        put: (seal) => house.outbox.seal(seal),
        log,
        clock: house.clock,
      });
      house.outbox.signWith(house.sealer);
      await keys.seen(AGENT, house.sealer.publicKey);
    },
    async restart(): Promise<void> {
      await house.sealer.close();
      await house.start();
    },
    /** Nothing is written any more by the one before. */
    kill: () => house.start(),
    reading: (value: number): Promise<void> =>
      house.outbox.reading('climate', { tsMs: house.clock.nowMs(), values: { temperature: value, door: 1 } }),
    /** A reading and a seal a minute, a snapshot each fifth. */
    async live(minutes: number): Promise<void> {
      for (let minute = 1; minute <= minutes; minute += 1) {
        house.clock.advance(MINUTE_MS);
        await house.reading(minute);
        if (minute % 5 === 0) await house.snapshot();
        house.clock.advance(1_000);
        await house.sealer.seal();
      }
    },
    async snapshot(): Promise<void> {
      const capturedAtMs = house.clock.nowMs();
      const capturedAt = new Date(capturedAtMs).toISOString();
      const { header, snapshot, thumbnail } = makeSnapshot({ id: ulid(capturedAtMs), capturedAt });
      await house.outbox.snapshot({ header, snapshot, thumbnail });
    },
    verify: (
      options: { trustedKeys?: string[]; from?: Date; to?: Date; site?: string } = {},
    ): Promise<Proof> =>
      verifyEvidence({
        database,
        site: 'yard',
        from: new Date(Date.UTC(2026, 0, 1)),
        to: new Date(Date.UTC(2026, 0, 10)),
        media,
        ...options,
      }),
  };
  await house.start();
  onTestFinished(async () => {
    await readings.close();
    partitions.close();
    await test[Symbol.asyncDispose]();
    await rm(agentDir, { recursive: true, force: true });
    await rm(serverDir, { recursive: true, force: true });
  });
  return house;
}
