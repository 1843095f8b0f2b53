// The command line of `npm start`.

import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { redact } from '@sitecast/shared/node/logger';
import { isId } from '@sitecast/shared/protocol/ids';

export interface StandaloneOptions {
  /** Sources in the order given: `rtsp:`, `rtsps:`, `demo:NAME` or `file:PATH`. */
  cameras: string[];
  /** One drawn camera and drawn sensors beside what was given. */
  demo: boolean;
  /** 0 picks a free port. */
  port: number;
  mqttPort: number;
  mediaPort: number;
  dataDir: string;
  readyFile: string | undefined;
}

/**
 * @param argv without `node` and the script.
 * @throws {CommanderError} with the exit code and a message that was printed already; code 0 after `--help`.
 */
export function parseOptions(argv: string[], defaultDataDir: string): StandaloneOptions {
  const program = new Command('npm start --')
    .description('Sitecast on one machine: PostgreSQL, the server, one edge agent, cameras and sensors.')
    .option(
      '--camera <source>',
      'rtsp://user:pass@host/path, rtsps:, demo:NAME or file:PATH; repeatable',
      addCamera,
      [],
    )
    .option('--no-demo', 'without the drawn camera and the drawn sensors')
    .option('--port <port>', 'page and HTTP API', parsePort, 8080)
    .option('--mqtt-port <port>', 'MQTT for telemetry, snapshots and commands', parsePort, 1883)
    .option('--media-port <port>', 'MQTT for live pictures', parsePort, 1884)
    .option('--data-dir <dir>', 'everything that is kept', defaultDataDir)
    .option('--ready-file <path>', 'written with URL, login and ports when all is up (JSON, mode 0600)')
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text, write) => write(redact(text)) })
    .exitOverride()
    .parse(argv, { from: 'user' });
  const options = program.opts<Omit<StandaloneOptions, 'cameras'> & { camera: string[] }>();
  const ports = [options.port, options.mqttPort, options.mediaPort].filter((port) => port !== 0);
  if (new Set(ports).size < ports.length)
    program.error('error: --port, --mqtt-port and --media-port must be different ports');
  return {
    cameras: options.camera,
    demo: options.demo,
    port: options.port,
    mqttPort: options.mqttPort,
    mediaPort: options.mediaPort,
    dataDir: resolve(options.dataDir),
    readyFile: options.readyFile === undefined ? undefined : resolve(options.readyFile),
  };
}

function addCamera(source: string, cameras: string[]): string[] {
  if (!/^(rtsps?:\/\/\S+|demo:\S+|file:\S+)$/.test(source)) {
    // The source is not repeated: it may hold a password.
    throw new InvalidArgumentError('A camera is rtsp://..., rtsps://..., demo:NAME or file:PATH.');
  }
  if (source.startsWith('demo:') && !isId(source.slice('demo:'.length))) {
    throw new InvalidArgumentError('A demo camera is named in a-z, 0-9 and "-", such as demo:garden.');
  }
  if (cameras.includes(source)) throw new InvalidArgumentError('The same camera was given twice.');
  return [...cameras, source];
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
  }
  return port;
}
