// A month of the year as a gateway that signs has sent it: pictures that are chained and have files, and a seal a minute that names
// them and all readings of that minute.

import { createHash, randomBytes, type KeyObject } from 'node:crypto';
import type pg from 'pg';
import { ulid } from 'ulid';
import {
  sealReadings,
  sealText,
  snapshotText,
  type SealBody,
  type SealedReading,
} from '@sitecast/shared/protocol/evidence';
import type { SnapshotHeader } from '@sitecast/shared/protocol/snapshot-envelope';
import { keyIdOf, newSigningKey, publicKeyOf, sha256Of, signText } from '@sitecast/shared/node/signing';
import { MediaStore, type StoredPaths } from '../../src/media-store/media-store.ts';
import { DAY_MS, isSilent, MINUTE_MS, SERIES, valueAt } from './fill.ts';
import { AGENT, CAMERAS, seriesName, SITE } from './names.ts';

const PICTURE_BYTES = 90_000;
const THUMBNAIL_BYTES = 9_000;
const MINUTES_OF_HOUR = 60;
const BATCH_ROWS = 500;

export interface SignedMonth {
  fromMs: number;
  toMs: number;
  seals: number;
  readings: number;
  snapshots: number;
}

/** The newest whole month of UTC; all there is, where there is none. */
export function signedRange(fromMs: number, toMs: number): { fromMs: number; toMs: number } {
  const end = new Date(toMs);
  const [endMs, beginMs] = [0, -1].map((months) =>
    Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + months),
  );
  return beginMs! < fromMs ? { fromMs, toMs } : { fromMs: beginMs!, toMs: endMs! };
}

/** @param mediaDir of the server that will verify it. */
export async function signMonth(
  client: pg.Client,
  { fromMs, toMs }: { fromMs: number; toMs: number },
  mediaDir: string,
): Promise<SignedMonth> {
  const key = newSigningKey();
  const publicKey = publicKeyOf(key);
  await client.query(
    `insert into signing_keys (site, agent, key_id, public_key, seen_at, accepted_at) values ($1, $2, $3, $4, $5, $5)`,
    [SITE, AGENT.agent, keyIdOf(publicKey), publicKey, new Date(fromMs)],
  );
  const pictures = new SignedPictures(client, key, await MediaStore.open(mediaDir));
  const seals = new SealWriter(client, key);
  for (let ms = fromMs; ms < toMs; ms += MINUTE_MS) {
    const taken = ms % DAY_MS === 0 ? await pictures.signDay(ms) : pictures.ofDay;
    const snapshots = taken
      .filter(({ atMs }) => atMs >= ms && atMs < ms + MINUTE_MS)
      .map(({ named }) => named);
    await seals.add(ms + MINUTE_MS, readingsOf(ms), snapshots);
  }
  await seals.flush();
  return { fromMs, toMs, ...seals.written, snapshots: pictures.signed };
}

function readingsOf(ms: number): SealedReading[] {
  const day = Math.floor(ms / DAY_MS);
  const minute = (ms % DAY_MS) / MINUTE_MS;
  const readings: SealedReading[] = [];
  for (let series = 1; series <= SERIES; series += 1)
    if (!isSilent(series, day, Math.floor(minute / MINUTES_OF_HOUR)))
      readings.push({ ...seriesName(series), tsMs: ms, value: valueAt(series, day, minute) });
  return readings;
}

interface Taken {
  atMs: number;
  named: SealBody['snapshots'][number];
}

/** Pictures of a camera are chained; those of one day are the same file. */
class SignedPictures {
  readonly #client: pg.Client;
  readonly #key: KeyObject;
  readonly #media: MediaStore;
  readonly #last = new Map<string, string>();
  ofDay: Taken[] = [];
  signed = 0;

  constructor(client: pg.Client, key: KeyObject, media: MediaStore) {
    this.#client = client;
    this.#key = key;
    this.#media = media;
  }

  async signDay(dayMs: number): Promise<Taken[]> {
    this.ofDay = [];
    for (let n = 1; n <= CAMERAS; n += 1) await this.#signOf(`camera-${n}`, dayMs);
    return this.ofDay;
  }

  async #signOf(camera: string, dayMs: number): Promise<void> {
    const { rows } = await this.#client.query<{ id: string; at: Date }>(
      'select id, captured_at as at from snapshots where site = $1 and camera = $2 and captured_at >= $3 and captured_at < $4 order by 2, 1',
      [SITE, camera, new Date(dayMs), new Date(dayMs + DAY_MS)],
    );
    const { paths, header } = await this.#file(camera, dayMs);
    const signed = rows.map(({ id, at }) => this.#sign({ ...header, id, capturedAt: at.toISOString() }));
    await this.#client.query(
      `update snapshots set path = $1, thumbnail_path = $2, bytes = $3, thumbnail_bytes = $4, sha256 = decode($5, 'hex'),
         previous_sha256 = decode(given.previous, 'hex'), signature = given.signature
       from unnest($6::text[], $7::text[], $8::text[]) as given (id, previous, signature) where snapshots.id = given.id`,
      [
        ...[paths.path, paths.thumbnailPath, PICTURE_BYTES, THUMBNAIL_BYTES, header.sha256],
        signed.map(({ id }) => id),
        signed.map(({ previousSha256 }) => previousSha256 ?? null),
        signed.map(({ signature }) => signature),
      ],
    );
  }

  async #file(camera: string, dayMs: number): Promise<{ paths: StoredPaths; header: SnapshotHeader }> {
    const [snapshot, thumbnail] = [PICTURE_BYTES, THUMBNAIL_BYTES].map((bytes) =>
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), randomBytes(bytes - 4)]),
    ) as [Buffer, Buffer];
    const header: SnapshotHeader = {
      ...{ id: ulid(dayMs), camera, capturedAt: new Date(dayMs).toISOString(), reason: 'interval' },
      ...{ type: 'image/jpeg', width: 1_280, height: 720, bytes: PICTURE_BYTES, maskVersion: 0 },
      sha256: createHash('sha256').update(snapshot).digest('hex'),
      thumbnail: { type: 'image/jpeg', width: 320, height: 180, bytes: THUMBNAIL_BYTES },
    };
    return { header, paths: await this.#media.put(SITE, { header, snapshot, thumbnail }) };
  }

  #sign(header: SnapshotHeader): SnapshotHeader {
    const previousSha256 = this.#last.get(header.camera);
    const chained = { ...header, ...(previousSha256 !== undefined && { previousSha256 }) };
    const text = snapshotText(AGENT, chained);
    const sha256 = sha256Of(text);
    this.#last.set(header.camera, sha256);
    this.ofDay.push({ atMs: Date.parse(header.capturedAt), named: [header.camera, header.id, sha256] });
    this.signed += 1;
    return { ...chained, signature: signText(this.#key, text) };
  }
}

type SealRow = [
  sequence: number,
  at: Date,
  first: Date | null,
  last: Date | null,
  body: string,
  signature: string,
];

class SealWriter {
  readonly #client: pg.Client;
  readonly #key: KeyObject;
  readonly #chain = ulid();
  readonly written = { seals: 0, readings: 0 };
  #previousSha256: string | null = null;
  #rows: SealRow[] = [];

  constructor(client: pg.Client, key: KeyObject) {
    this.#client = client;
    this.#key = key;
  }

  async add(atMs: number, readings: SealedReading[], snapshots: SealBody['snapshots']): Promise<void> {
    const body: SealBody = {
      ...{ chain: this.#chain, sequence: this.written.seals + 1, previousSha256: this.#previousSha256 },
      ...{ at: new Date(atMs).toISOString(), unsealedFrom: null },
      ...{ readings: sealReadings(readings), snapshots, gaps: [] },
    };
    const text = JSON.stringify(body);
    const signed = sealText(AGENT, text);
    this.#previousSha256 = sha256Of(signed);
    this.written.seals += 1;
    this.written.readings += readings.length;
    const ts = readings[0] ? new Date(readings[0].tsMs) : null;
    this.#rows.push([body.sequence, new Date(atMs), ts, ts, text, signText(this.#key, signed)]);
    if (this.#rows.length >= BATCH_ROWS) await this.flush();
  }

  async flush(): Promise<void> {
    const columns = Array.from({ length: 6 }, (_, n) => this.#rows.map((row) => row[n]));
    this.#rows = [];
    await this.#client.query(
      `insert into seals (site, agent, chain, sequence, at, first_ts, last_ts, has_gaps, body, signature)
       select $1, $2, $3, sequence, at, first, last, false, body, signature
       from unnest($4::int[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[])
         as given (sequence, at, first, last, body, signature)`,
      [SITE, AGENT.agent, this.#chain, ...columns],
    );
  }
}
