// Ports are claimed by name before anything starts, so that a clash is told with the option that avoids it.

import { createServer } from 'node:net';
import { AppError } from '@sitecast/shared/runtime/app-error';

/**
 * @param wanted 0 for any free port.
 * @returns a port that could be listened on a moment ago.
 * @throws {AppError} PORT_IN_USE naming the port and `option`; PORT_FORBIDDEN when the system refuses it.
 */
export async function claimPort(wanted: number, option: string): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: wanted, host: '127.0.0.1' }, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : wanted);
      });
    });
  } catch (cause) {
    throw portError(cause, wanted, option);
  } finally {
    server.close();
  }
}

function portError(cause: unknown, port: number, option: string): AppError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') {
    return new AppError(
      'PORT_IN_USE',
      `port ${port} is taken by another program; choose another with ${option}`,
      { cause },
    );
  }
  return new AppError(
    'PORT_FORBIDDEN',
    `port ${port} cannot be used (${code ?? 'unknown error'}); choose another with ${option}`,
    { cause },
  );
}
