// The process: arguments, environment, signals, exit code.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setDefaultHighWaterMark } from 'node:stream';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { redact } from '@sitecast/shared/node/logger';
import { stopSignal } from '@sitecast/shared/node/stop-signal';
import { ReloadRequests } from './reload-requests.ts';

/** By their meaning in sysexits.h. */
const EXIT = { ok: 0, failure: 1, usage: 64, config: 78 } as const;
/** Supervisors give ten seconds before they kill. */
const STOP_DEADLINE_MS = 9_000;

// As in Node 20. Later ones read 64 KiB ahead: what a camera sends between two batches (output-reader.ts) would wake us as it comes.
setDefaultHighWaterMark(false, 16 * 1024);

// Arguments can be read by every user of the machine while the process runs: a URL may hold a password.
if (process.argv.some((argument) => argument.includes('@'))) process.title = 'sitecast-agent';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const reloads = new ReloadRequests();
const stopping = stopSignal({
  deadlineMs: STOP_DEADLINE_MS,
  // The other verbs have nothing to read again: for them it is a closed terminal.
  onHangup: process.argv[2] === 'run' ? () => reloads.request() : undefined,
});

/** What a shell expects of a program that a signal has ended. */
const SIGNALLED = 128;
let endedBy: 'SIGINT' | 'SIGTERM' | undefined;
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => (endedBy ??= name));

function fail(error: unknown): never {
  if (isAppError(error, 'SHUTTING_DOWN') && (endedBy !== undefined || error.detail.isInterrupted === true)) {
    process.stderr.write('sitecast-agent: stopped\n');
    process.exit(SIGNALLED + constants.signals[endedBy ?? 'SIGINT']);
  }
  process.stderr.write(`sitecast-agent: ${redact(messageOf(error))}\n`);
  if (isAppError(error, 'CONFIG_INVALID')) process.exit(EXIT.config);
  process.exit(isAppError(error, 'BAD_REQUEST') ? EXIT.usage : EXIT.failure);
}

function crash(error: unknown): never {
  process.stderr.write(
    `sitecast-agent: ${redact(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
  );
  process.exit(EXIT.failure);
}

// Whoever read the answer has gone: it ends as a program does that lets the signal end it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') crash(error);
  process.exit(SIGNALLED + constants.signals.SIGPIPE);
});

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const warn = (text: string): void => void process.stderr.write(`sitecast-agent: ${text}\n`);

function wholeWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

const program = new Command('sitecast-agent')
  .description('Runs on the gateway of a site: cameras and sensors in, one MQTT uplink out.')
  .version(version)
  .exitOverride()
  .showHelpAfterError();

program
  .command('run')
  .description(
    'run the agent until SIGTERM or SIGINT; a second one ends it at once. SIGHUP reads the configuration again',
  )
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
    await run({ configPath: config, logLevel, env: process.env, version, signal: stopping, reloads });
  });

program
  .command('doctor')
  .description('look at everything that the agent needs: a line each, and what to do')
  .requiredOption('-c, --config <file>', 'configuration file')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    '\nExit codes: 0 nothing failed; 1 something did; 64 wrong usage; 78 configuration not valid; 130 Ctrl-C',
  )
  .action(async ({ config, json = false }: { config: string; json?: boolean }) => {
    const { doctor } = await import('./commands/doctor.ts');
    const isWell = await doctor({ configPath: config, env: process.env, json, print, signal: stopping });
    process.exit(isWell ? EXIT.ok : EXIT.failure);
  });

interface ProbeArguments {
  config?: string;
  camera?: string;
  subStream?: boolean;
  transport: 'auto' | 'tcp' | 'udp';
  seconds: number;
  json?: boolean;
}

program
  .command('probe')
  .description(
    'read a camera for some seconds: what it sends, what becomes of it, what to change on the camera',
  )
  .argument('[url]', 'rtsp://USER@HOST/PATH, rtsps://..., file:PATH, demo:NAME or env:VARIABLE')
  .option('-c, --config <file>', 'configuration file, to probe a camera of it')
  .option('--camera <id>', 'camera of the configuration file')
  .option('--sub-stream', "the camera's second stream; of a URL: judge it as one")
  .addOption(
    new Option('--transport <transport>', 'how RTSP carries the video')
      .choices(['auto', 'tcp', 'udp'])
      .default('auto'),
  )
  .addOption(
    new Option('--seconds <number>', 'how long to measure, 2 to 60')
      .argParser(wholeWithin(2, 60))
      .default(10),
  )
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Environment:
  SITECAST_CAMERA_PASSWORD  password of USER; without it, it is asked for
  FFMPEG_PATH               ffmpeg to use

Exit codes: 0 the agent can use the camera; 1 it cannot; 64 wrong usage; 78 configuration not valid; 130 Ctrl-C`,
  )
  .action(async (url: string | undefined, given: ProbeArguments) => {
    const [{ probe }, { askPassword }] = await Promise.all([
      import('./commands/probe.ts'),
      import('./commands/ask-password.ts'),
    ]);
    const { config, camera, subStream = false, json = false, ...rest } = given;
    const isUsable = await probe({
      ...rest,
      url,
      configPath: config,
      cameraId: camera,
      isSubStream: subStream,
      json,
      env: process.env,
      print,
      warn,
      askPassword: (question) => askPassword(question, process.stdin, process.stderr),
      signal: stopping,
    });
    process.exit(isUsable ? EXIT.ok : EXIT.failure);
  });

interface DiscoverArguments {
  user?: string;
  secretsFile?: string;
  seconds: number;
  json?: boolean;
}

program
  .command('discover')
  .description('search the LAN for ONVIF cameras; with --user, list their streams as a piece of agent.yaml')
  .argument('[hosts...]', 'addresses to ask one by one, where multicast does not reach')
  .option('--user <name>', 'user of the cameras; each camera found is logged in to once')
  .option(
    '--secrets-file <file>',
    'new file for the addresses with the password, which the YAML then refers to',
  )
  .addOption(
    new Option('--seconds <number>', 'how long to wait for answers, 1 to 30')
      .argParser(wholeWithin(1, 30))
      .default(4),
  )
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Environment:
  SITECAST_CAMERA_PASSWORD  password of the user; without it, it is asked for

Exit codes: 0 cameras were found; 1 none, or none that gave its streams; 64 wrong usage; 130 Ctrl-C`,
  )
  .action(async (hosts: string[], { user, secretsFile, seconds, json = false }: DiscoverArguments) => {
    const [{ discover }, { askPassword }] = await Promise.all([
      import('./commands/discover.ts'),
      import('./commands/ask-password.ts'),
    ]);
    const hasFound = await discover({
      hosts,
      user,
      secretsFile,
      seconds,
      json,
      env: process.env,
      print,
      warn,
      askPassword: (question) => askPassword(question, process.stdin, process.stderr),
      signal: stopping,
    });
    process.exit(hasFound ? EXIT.ok : EXIT.failure);
  });

interface PreviewArguments {
  config: string;
  camera: string[];
  listen: string;
  port: number;
  minutes: number;
}

program
  .command('preview')
  .description('show all cameras live on a page in the LAN, for a while, to aim them with a phone')
  .requiredOption('-c, --config <file>', 'configuration file')
  .option('--camera <id...>', 'these cameras only', [])
  .option('--listen <address>', 'address to listen at', '0.0.0.0')
  .addOption(
    new Option('--port <number>', 'port of the page').argParser(wholeWithin(1, 65_535)).default(8088),
  )
  .addOption(
    new Option('--minutes <number>', 'when it ends by itself, 1 to 720')
      .argParser(wholeWithin(1, 720))
      .default(60),
  )
  .addHelpText(
    'after',
    `
Environment:
  SITECAST_PREVIEW_PASSWORD  password of the page, at least 10 characters; without it, it is asked for
  SITECAST_AGENT_SECRET      as for run
  FFMPEG_PATH                as for run

Exit codes: 0 the time is over; 1 failure; 64 wrong usage; 78 configuration not valid`,
  )
  .action(async ({ config, camera, listen, ...rest }: PreviewArguments) => {
    const [{ preview, PREVIEW_PASSWORD_VARIABLE: variable }, { askPassword }] = await Promise.all([
      import('./commands/preview.ts'),
      import('./commands/ask-password.ts'),
    ]);
    await preview({
      ...rest,
      configPath: config,
      cameraIds: camera,
      host: listen,
      env: process.env,
      print,
      warn,
      askPassword: (question) => askPassword(question, process.stdin, process.stderr, variable),
      signal: stopping,
    });
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
