// Ports are claimed by name before anything starts, so that a clash is told with the option that avoids it.

import { createServer, type Server } from 'node:net';
import { AppError } from '@sitecast/shared/runtime/app-error';

/** A port, 0 for any free one, and the option that it came with. */
export type PortWish = readonly [wanted: number, option: string];

/**
 * All are held until the last one is there, so that no two are the same.
 * @returns ports that could be listened on a moment ago, in the order of `wishes`.
 * @throws {AppError} PORT_IN_USE naming the port and its option; PORT_FORBIDDEN when the system refuses it.
 */
export async function claimPorts<const T extends readonly PortWish[]>(
  wishes: T,
): Promise<{ [K in keyof T]: number }> {
  const held: Server[] = [];
  try {
    const ports: number[] = [];
    for (const [wanted, option] of wishes) {
      const server = createServer();
      held.push(server);
      ports.push(await listen(server, wanted, option));
    }
    return ports as { [K in keyof T]: number };
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

async function listen(server: Server, wanted: number, option: string): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ port: wanted, host: '127.0.0.1' }, resolve);
    });
  } catch (cause) {
    throw portError(cause, wanted, option);
  }
  const address = server.address();
  return typeof address === 'object' && address ? address.port : wanted;
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
