// `npm start`: arguments, signals, exit code.

import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { createLogger } from '@sitecast/shared/node/logger';
import { stopSignal } from '@sitecast/shared/node/stop-signal';
import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import { Launcher } from './launcher.ts';
import { parseOptions, type StandaloneOptions } from './options.ts';
import type { Ready } from './ready-file.ts';

const EX_USAGE = 64;
const EX_CONFIG = 78;
const STOP_DEADLINE_MS = 9_500;
const DEFAULT_DATA_DIR = fileURLToPath(new URL('../../../.sitecast', import.meta.url));

const options = readOptions();
const logger = createLogger({ name: 'launcher', level: 'warn' });
const stopping = stopSignal({ deadlineMs: STOP_DEADLINE_MS });
const opening = Launcher.open({ ...options, env: process.env, logger, signal: stopping });
stopping.addEventListener('abort', () => void stop());

try {
  const launcher = await opening;
  if (!stopping.aborted) process.stdout.write(welcome(launcher.ready, options.dataDir));
} catch (error) {
  if (!stopping.aborted) {
    process.stderr.write(
      `\nSitecast could not start: ${error instanceof AppError ? error.message : String(error)}\n`,
    );
    process.exit(isAppError(error, 'CONFIG_INVALID') ? EX_CONFIG : 1);
  }
}

async function stop(): Promise<void> {
  process.stdout.write('\nStopping ...\n');
  // A launcher that was still opening has closed what it opened when `opening` rejects.
  await opening.then((launcher) => launcher.close()).catch(() => undefined);
  process.exit(0);
}

function readOptions(): StandaloneOptions {
  try {
    return parseOptions(process.argv.slice(2), DEFAULT_DATA_DIR);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exit(error.exitCode === 0 ? 0 : EX_USAGE);
  }
}

function welcome({ url, username, password, mqttPort, mediaPort }: Ready, dataDir: string): string {
  const login =
    password === null ? `${username}, with the password that you chose` : `${username} / ${password}`;
  return `
  Sitecast is running.

    Page      ${url}
    Login     ${login}
    Devices   MQTT on 127.0.0.1:${mqttPort} (live pictures on ${mediaPort})
    Data      ${dataDir}
    Logs      ${dataDir}/logs

  Ctrl-C stops it.

`;
}
