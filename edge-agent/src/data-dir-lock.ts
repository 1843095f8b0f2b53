// One agent a data directory: two would write into the same spool.

import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { AgentErrorCode } from './errors.ts';

/**
 * Holds a name in the kernel's abstract socket namespace (unix(7)), which needs no file and ends with the process,
 * however that ends. Elsewhere than on Linux nothing is locked.
 */
export class DataDirLock {
  readonly #server: Server | undefined;

  private constructor(server: Server | undefined) {
    this.#server = server;
  }

  /** @throws {AppError} DATA_DIR_IN_USE while another process holds the lock. */
  static async open(dataDir: string): Promise<DataDirLock> {
    if (process.platform !== 'linux') return new DataDirLock(undefined);
    const name = createHash('sha256')
      .update(await realpath(dataDir))
      .digest('hex');
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(inUse(dataDir, cause)));
      server.listen(`\0sitecast-agent-${name}`, resolve);
    });
    return new DataDirLock(server.unref());
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server?.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function inUse(dataDir: string, cause: Error): AppError<AgentErrorCode> {
  return new AppError('DATA_DIR_IN_USE', `another agent runs on the data directory ${dataDir}`, { cause });
}
