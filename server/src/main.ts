// The process: arguments, environment, signals, exit code; nothing else.

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { createLogger } from '@sitecast/shared/node/logger';
import { stopSignal } from '@sitecast/shared/node/stop-signal';
import { runProgram } from './commands/program.ts';

/** Below the 10 s that Docker and systemd commonly wait. */
const STOP_WITHIN_MS = 9_000;

const logger = createLogger({ name: 'server' });
const stopping = stopSignal({
  deadlineMs: STOP_WITHIN_MS,
  onDeadline: () => logger.error(`not stopped within ${STOP_WITHIN_MS} ms: exiting at once`),
});

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    logger.fatal({ err: error }, event);
    process.exit(1);
  });
}

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

process.exitCode = await runProgram(
  process.argv.slice(2),
  {
    env: process.env,
    logger,
    stopping,
    print: (output) => void process.stdout.write(output),
    readInput: () => text(process.stdin),
  },
  version,
  (output) => void process.stderr.write(output),
);
