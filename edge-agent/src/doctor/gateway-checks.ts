// The gateway itself: Node.js, ffmpeg, disk, clock, spool.

import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@sitecast/shared/protocol/limits';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { findFfmpeg } from '../camera/ffmpeg-binary.ts';
import { LEAST_FREE_BYTES } from '../clips/disk-room.ts';
import type { AgentConfig } from '../config.ts';
import { DataDirLock } from '../data-dir-lock.ts';
import { failed, ok, warning, type Finding } from '@sitecast/shared/node/check';

const LEAST_NODE_MAJOR = 20;
/** Before this program existed: a gateway without a battery for its clock starts in 1970 or at the date of its image. */
const EARLIEST_MS = Date.parse('2026-01-01T00:00:00Z');
/** systemd-timesyncd and chrony leave these when the clock was set from the network. */
const SYNCHRONIZED = ['/run/systemd/timesync/synchronized', '/run/chrony/chronyd.pid', '/run/ntpd.pid'];
/** Room for the system's own logs and updates. */
const SPARE_BYTES = 256 * MIB;

type Config = Pick<AgentConfig, 'dataDir' | 'ffmpegPath' | 'spool' | 'clips' | 'cameras'>;

export async function checkNode(): Promise<Finding> {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= LEAST_NODE_MAJOR) return ok(`Node.js ${process.versions.node}`);
  return failed(`Node.js ${process.versions.node}`, `install Node.js ${LEAST_NODE_MAJOR} or later`);
}

export async function checkFfmpeg({ ffmpegPath, dataDir, cameras }: Config, searchPath: string | undefined) {
  try {
    const ffmpeg = await findFfmpeg({ configuredPath: ffmpegPath, searchPath, dataDir });
    const text = `${ffmpeg.version}, ${ffmpeg.origin}: ${ffmpeg.path}`;
    if (ffmpeg.canHideUrl || !cameras.some(({ source }) => source.includes('@'))) return ok(text);
    return warning(
      text,
      'install ffmpeg 5.0 or later: with this one other users see the passwords of cameras',
    );
  } catch (error) {
    return failed(messageOf(error), 'install ffmpeg, for instance with: apt-get install ffmpeg');
  }
}

/** @param freeBytesOf tests put their own in its place. */
export async function checkDisk(
  { dataDir, spool, clips }: Pick<Config, 'dataDir' | 'spool' | 'clips'>,
  freeBytesOf = freeBytesIn,
): Promise<Finding> {
  const probe = join(dataDir, `.doctor-${process.pid}`);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(probe, 'x', { flush: true });
    await rm(probe);
  } catch (error) {
    const advice = `make ${dataDir} writable for the user of the agent, or name another "dataDir"`;
    return failed(`${dataDir} cannot be written: ${messageOf(error)}`, advice);
  }
  const freeBytes = await freeBytesOf(dataDir);
  const ofSpool = Math.max(0, spool.maxBytes - (await spoolSize(dataDir)).bytes);
  const ofClips = Math.max(0, (clips?.quotaBytes ?? 0) - (await clipBytes(dataDir)));
  const neededBytes = ofSpool + ofClips + SPARE_BYTES;
  const text = `${inMib(freeBytes)} free in ${dataDir}`;
  const spare = `${inMib(SPARE_BYTES)} should be left to the system`;
  if (freeBytes >= neededBytes) return ok(text);
  return warning(
    text,
    clips
      ? `the spool may still need ${inMib(ofSpool)} and clips ${inMib(ofClips)}, and ${spare}: make room, or lower "spool.maxBytes" or "clips.quotaBytes"; while less than ${inMib(LEAST_FREE_BYTES)} are free (a tenth of a small disk) the oldest clips go`
      : `the spool may still need ${inMib(ofSpool)}, and ${spare}: make room, or lower "spool.maxBytes"`,
  );
}

export async function checkClock(): Promise<Finding> {
  const now = new Date();
  const text = now.toISOString();
  if (now.getTime() < EARLIEST_MS) {
    return failed(`it is ${text}, says the clock`, 'set the clock: snapshots and readings carry its time');
  }
  if (SYNCHRONIZED.some((path) => existsSync(path))) return ok(`${text}, set from the network`);
  return warning(`${text}; nothing is seen that sets it`, 'run systemd-timesyncd or chrony');
}

export async function checkSpool({ dataDir, spool }: Config): Promise<Finding> {
  const { bytes, oldestMs } = await spoolSize(dataDir);
  const share = bytes / spool.maxBytes;
  const since = oldestMs === undefined ? '' : `, oldest file of ${new Date(oldestMs).toISOString()}`;
  const text = `${inMib(bytes)} of ${inMib(spool.maxBytes)}${since}`;
  if (share < 0.8) return ok(text);
  return warning(text, 'the server was not reached for long; above the bound the oldest is left out');
}

/** Whether another process runs the agent on this directory. */
export async function isAgentRunning({ dataDir }: Config): Promise<boolean> {
  try {
    const lock = await DataDirLock.open(dataDir);
    await lock.close();
    return false;
  } catch (error) {
    return isAppError(error, 'DATA_DIR_IN_USE');
  }
}

async function freeBytesIn(folder: string): Promise<number> {
  const { bsize, bavail } = await statfs(folder);
  return bsize * bavail;
}

async function spoolSize(dataDir: string): Promise<{ bytes: number; oldestMs: number | undefined }> {
  const folder = join(dataDir, 'spool');
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  let [bytes, oldestMs]: [number, number | undefined] = [0, undefined];
  for (const name of names.filter((entry) => entry.endsWith('.segment'))) {
    const file = await stat(join(folder, name)).catch(() => undefined);
    if (!file) continue;
    bytes += file.size;
    oldestMs = Math.min(oldestMs ?? Infinity, file.birthtimeMs || file.mtimeMs);
  }
  return { bytes, oldestMs };
}

async function clipBytes(dataDir: string): Promise<number> {
  const folder = join(dataDir, 'clips');
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

const inMib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
