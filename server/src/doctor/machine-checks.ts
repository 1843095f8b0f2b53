// The machine and the settings: memory, data folder, disk, ports.

import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { failed, ok, warning, type Finding } from '@sitecast/shared/node/check';
import { MIB } from '@sitecast/shared/protocol/limits';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { ServerConfig } from '../config.ts';
import { findMemoryLimit } from '../guard/memory-limit.ts';
import { limitRows, sumLine, sumOf } from '../limits.ts';

const LEAST_NODE_MAJOR = 20;
const PROBE_TIMEOUT_MS = 3_000;

export async function checkNode(): Promise<Finding> {
  const text = `Node.js ${process.versions.node}`;
  if (Number(process.versions.node.split('.')[0]) >= LEAST_NODE_MAJOR) return ok(text);
  return failed(text, `install Node.js ${LEAST_NODE_MAJOR} or later`);
}

export async function checkMemory(config: ServerConfig): Promise<Finding> {
  const limits = limitRows(config);
  const memory = await findMemoryLimit(config.memoryLimitBytes);
  const text = sumLine(limits, memory);
  if (sumOf(limits) <= memory.bytes) return ok(text);
  const advice = 'lower the largest rows of `sitecast-server limits`, or give the server more memory';
  return memory.source === 'machine' ? warning(text, advice) : failed(text, advice);
}

export async function checkDataDir({ dataDir }: Pick<ServerConfig, 'dataDir'>): Promise<Finding> {
  const probe = join(dataDir, `.doctor-${process.pid}`);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o750 });
    await writeFile(probe, '.', { flush: true });
    await rm(probe);
    return ok(`${dataDir} can be written`);
  } catch (error) {
    const advice = 'make it writable for the user of the server, or name another DATA_DIR';
    return failed(`${dataDir} cannot be written: ${messageOf(error)}`, advice);
  }
}

export async function checkDisk({
  dataDir,
  minFreeDiskBytes,
}: Pick<ServerConfig, 'dataDir' | 'minFreeDiskBytes'>): Promise<Finding> {
  const { bavail, blocks, bsize } = await statfs(dataDir);
  const freeBytes = bavail * bsize;
  const text = `${inMib(freeBytes)} free of ${inMib(blocks * bsize)}`;
  if (freeBytes >= 1.5 * minFreeDiskBytes) return ok(text);
  const advice =
    'make room, or keep less: RETENTION_SNAPSHOTS_DAYS, RETENTION_CLIPS_DAYS, MEDIA_MAX_BYTES, CLIPS_MAX_BYTES';
  const least = `${text}; MIN_FREE_DISK_BYTES is ${inMib(minFreeDiskBytes)}`;
  return freeBytes < minFreeDiskBytes ? failed(least, advice) : warning(least, advice);
}

/** Whether a server of ours answers on the port of HTTP: then the other ports are taken by it, too. */
export async function isServerRunning({ host, port }: ServerConfig['http']): Promise<boolean> {
  try {
    const answer = await fetch(`http://${reachable(host)}:${port}/healthz`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    return JSON.stringify(await answer.json()) === '{"ok":true}';
  } catch {
    return false;
  }
}

export async function checkPort(
  { host, port, setting }: { host: string; port: number; setting: string },
  isRunning: boolean,
): Promise<Finding> {
  const problem = await listenOnce(host, port);
  if (problem === undefined) return ok(`${port} is free`);
  if (problem !== 'EADDRINUSE')
    return failed(`${host}:${port} cannot be listened on (${problem})`, `choose another with ${setting}`);
  if (isRunning) return ok(`${port} is taken by the server that runs`);
  return failed(
    `${port} is taken by another program`,
    `stop that program, or choose another with ${setting}`,
  );
}

/** @returns the code of what is in the way. */
function listenOnce(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

const inMib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
