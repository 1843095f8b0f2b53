// What waits, or was left, in the folders around the media: staged snapshots, uploads of clips, garbage, what was set aside.

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ok, warning, type Finding } from '@sitecast/shared/node/check';
import { CLIP_UPLOAD_IDLE_MS } from '@sitecast/shared/protocol/limits';
import { PARTIAL_SUFFIX } from '../media-store/durable-file.ts';
import { parseStagedName } from '../media-store/staging.ts';
import type { Garbage } from '../retention/garbage.ts';
import { filesBelow } from './batches.ts';
import { ORPHAN_AGE_MS, ORPHANS_FOLDER } from './media-scan.ts';
import { Tally } from './tally.ts';

export interface LeftoverOptions {
  dataDir: string;
  isRepairing: boolean;
  nowMs: number;
}

/** Ids of staged snapshots. Bound: IMAGE_QUEUE_MAX names, and those of an earlier run. */
export async function stagedIds(dataDir: string): Promise<Set<string>> {
  const names = await namesIn(join(dataDir, 'staging'));
  return new Set(names.flatMap((name) => parseStagedName(name)?.id ?? []));
}

export async function checkStaging({ dataDir, isRepairing, nowMs }: LeftoverOptions): Promise<Finding> {
  const partials = new Tally();
  const dir = join(dataDir, 'staging');
  for (const name of await namesIn(dir)) {
    if (!name.endsWith(PARTIAL_SUFFIX) || !(await isOlder(join(dir, name), nowMs - ORPHAN_AGE_MS))) continue;
    partials.add(name);
    if (!isRepairing) continue;
    await rm(join(dir, name), { force: true });
    partials.repaired += 1;
  }
  const rejected = (await namesIn(join(dir, 'rejected'))).length;
  const waiting = (await stagedIds(dataDir)).size;
  const text = `${waiting} snapshots wait to be filed, ${rejected} are set aside`;
  if (partials.remaining > 0)
    return warning(`${text}, ${partials.count} half written`, 'doctor --repair removes what is half written');
  if (rejected > 0)
    return warning(text, `look at staging/rejected in ${dataDir}, and remove what nobody needs`);
  return ok(partials.repaired > 0 ? `${text}; ${partials.repaired} half written removed` : text);
}

export async function checkClipUploads({ dataDir, isRepairing, nowMs }: LeftoverOptions): Promise<Finding> {
  const dir = join(dataDir, 'clips/parts');
  const abandoned = new Tally();
  const names = await namesIn(dir);
  for (const name of names) {
    if (!(await isOlder(join(dir, name), nowMs - CLIP_UPLOAD_IDLE_MS - ORPHAN_AGE_MS))) continue;
    abandoned.add(name);
    if (!isRepairing) continue;
    await rm(join(dir, name), { recursive: true, force: true });
    abandoned.repaired += 1;
  }
  const text = `${names.length - abandoned.repaired} clips are being uploaded`;
  if (abandoned.remaining > 0)
    return warning(
      `${text}, ${abandoned.count} of them abandoned`,
      'doctor --repair, or a start of the server, removes them',
    );
  return ok(abandoned.repaired > 0 ? `${text}; ${abandoned.repaired} abandoned ones removed` : text);
}

export async function checkGarbage(garbage: Garbage, { isRepairing }: LeftoverOptions): Promise<Finding> {
  let collected = 0;
  if (isRepairing)
    for (let batch = await garbage.collect(); batch > 0; batch = await garbage.collect()) collected += batch;
  const { items, bytes, oldestSeconds } = await garbage.pending();
  if (items === 0)
    return ok(collected === 0 ? 'nothing waits to be unlinked' : `${collected} items unlinked`);
  const text = `${items} items, ${Math.round(bytes / 2 ** 20)} MiB, wait to be unlinked`;
  if (oldestSeconds < ORPHAN_AGE_MS / 1_000) return ok(text);
  return warning(text, 'start the server, or doctor --repair');
}

export async function checkSetAside({ dataDir }: LeftoverOptions): Promise<Finding> {
  let files = 0;
  for await (const _ of filesBelow(join(dataDir, ORPHANS_FOLDER))) files += 1;
  if (files === 0) return ok('nothing was set aside');
  return warning(
    `${files} files without a row were set aside`,
    `restore the database that they belong to, or remove ${join(dataDir, ORPHANS_FOLDER)}`,
  );
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
}

async function isOlder(path: string, thanMs: number): Promise<boolean> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs < thanMs,
    () => false,
  );
}
