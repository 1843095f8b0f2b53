// The process: arguments, environment, signals, exit code.

import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { redact } from '@sitecast/shared/node/logger';
import { stopSignal } from '@sitecast/shared/node/stop-signal';

/** By their meaning in sysexits.h. */
const EXIT = { ok: 0, failure: 1, usage: 64, config: 78 } as const;
/** Supervisors give ten seconds before they kill. */
const STOP_DEADLINE_MS = 9_000;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const stopping = stopSignal({ deadlineMs: STOP_DEADLINE_MS });

function fail(error: unknown): never {
  process.stderr.write(`sitecast-agent: ${redact(messageOf(error))}\n`);
  process.exit(isAppError(error, 'CONFIG_INVALID') ? EXIT.config : EXIT.failure);
}

function crash(error: unknown): never {
  process.stderr.write(
    `sitecast-agent: ${redact(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
  );
  process.exit(EXIT.failure);
}

const program = new Command('sitecast-agent')
  .description('Runs on the gateway of a site: cameras and sensors in, one MQTT uplink out.')
  .version(version)
  .exitOverride()
  .showHelpAfterError();

program
  .command('run')
  .description('run the agent until SIGTERM or SIGINT; a second signal ends it at once')
  .requiredOption('-c, --config <file>', 'configuration file; agent.example.yaml explains every key')
  .addOption(
    new Option('--log-level <level>', 'of the JSON lines on standard error')
      .choices(['debug', 'info', 'warn', 'error'])
      .default('info'),
  )
  .addHelpText(
    'after',
    `
Environment:
  SITECAST_AGENT_SECRET  secret of the agent; wins over uplink.secretFile
  FFMPEG_PATH            ffmpeg to use; wins over ffmpegPath

Exit codes: 0 stopped, or restart asked for by the server; 1 failure; 64 wrong usage; 78 configuration not valid`,
  )
  .action(async ({ config, logLevel }: { config: string; logLevel: string }) => {
    // Only now: help and version need neither sharp nor mqtt.
    const { run } = await import('./commands/run.ts');
    await run({ configPath: config, logLevel, env: process.env, version, signal: stopping });
  });

program
  .command('doctor')
  .description('look at everything that the agent needs: a line each, and what to do')
  .requiredOption('-c, --config <file>', 'configuration file')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    '\nExit codes: 0 nothing failed; 1 something did; 64 wrong usage; 78 configuration not valid',
  )
  .action(async ({ config, json = false }: { config: string; json?: boolean }) => {
    const { doctor } = await import('./commands/doctor.ts');
    const print = (text: string): void => void process.stdout.write(`${text}\n`);
    const isWell = await doctor({ configPath: config, env: process.env, json, print });
    process.exit(isWell ? EXIT.ok : EXIT.failure);
  });

process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);

try {
  await program.parseAsync();
  process.exit(EXIT.ok);
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  fail(error);
}
