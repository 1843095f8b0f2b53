// `sitecast-agent preview`: a page on the LAN with all cameras live, for a limited time, for aiming them with a phone.

import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@sitecast/shared/node/logger';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { sleep, systemClock } from '@sitecast/shared/runtime/clock';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { findFfmpeg } from '../camera/ffmpeg-binary.ts';
import { loadAgentConfig, type Environment } from '../config-file.ts';
import type { AgentConfig, CameraSettings } from '../config.ts';
import { isAgentRunning } from '../doctor/gateway-checks.ts';
import { PreviewCameras } from '../preview/preview-cameras.ts';
import { MIN_PASSWORD_CHARACTERS, PreviewLogin } from '../preview/preview-login.ts';
import { PreviewServer } from '../preview/preview-server.ts';

export const PREVIEW_PASSWORD_VARIABLE = 'SITECAST_PREVIEW_PASSWORD';

export interface PreviewOptions {
  configPath: string;
  /** All when empty. */
  cameraIds: string[];
  host: string;
  port: number;
  minutes: number;
  env: Environment;
  print: (text: string) => void;
  warn: (text: string) => void;
  askPassword: (question: string) => Promise<string>;
  signal: AbortSignal;
}

/**
 * @returns when the time is over or `signal` aborts.
 * @throws {AppError} BAD_REQUEST without a good password or with a camera that is not there, CONFIG_INVALID, PORT_IN_USE.
 */
export async function preview(options: PreviewOptions): Promise<void> {
  const { configPath, cameraIds, host, port, minutes, env, print, warn, signal } = options;
  const config = await loadAgentConfig(configPath, env);
  const chosen = camerasOf(config, cameraIds, configPath);
  const login = new PreviewLogin(await findPassword(options), systemClock);
  if (await isAgentRunning(config))
    warn('the agent runs too: each camera gets a second session, which some refuse');
  // What a camera lacks is told on the page.
  const logger = createLogger({ name: 'sitecast-agent', level: 'error' });
  const lifetime = new Lifetime({ onCloseError: (name, error) => warn(`${name}: ${messageOf(error)}`) });
  try {
    const runDir = await mkdtemp(join(tmpdir(), 'sitecast-preview-'));
    lifetime.onClose('folder', () => rm(runDir, { recursive: true, force: true }));
    const ffmpeg = await findFfmpeg({
      configuredPath: config.ffmpegPath,
      searchPath: env.PATH,
      dataDir: runDir,
    });
    const cameras = lifetime.own(
      'cameras',
      new PreviewCameras({ cameras: chosen, config, ffmpeg, runDir, logger }),
    );
    const server = lifetime.own(
      'page',
      await PreviewServer.open({ host, port, login, cameras, logger, clock: systemClock }),
    );
    cameras.start();
    print(startText(host, server.port, minutes));
    await sleep(systemClock, minutes * 60_000, signal);
  } finally {
    await lifetime.close();
  }
}

function camerasOf({ cameras }: AgentConfig, ids: string[], configPath: string): CameraSettings[] {
  const chosen = ids.length === 0 ? cameras : cameras.filter(({ id }) => ids.includes(id));
  const missing = ids.find((id) => !cameras.some((camera) => camera.id === id));
  if (missing !== undefined) {
    const known = cameras.map(({ id }) => id).join(', ') || 'none';
    throw badRequest(`there is no camera "${missing}" in ${configPath}; there are: ${known}`);
  }
  if (chosen.length === 0) throw badRequest(`there is no camera in ${configPath}`);
  return chosen;
}

async function findPassword({ env, askPassword }: PreviewOptions): Promise<string> {
  const question = `Password for the page, at least ${MIN_PASSWORD_CHARACTERS} characters: `;
  return env[PREVIEW_PASSWORD_VARIABLE] ?? (await askPassword(question));
}

function startText(host: string, port: number, minutes: number): string {
  const hosts = ['0.0.0.0', '::'].includes(host) ? lanAddresses() : [host];
  const urls = hosts.map((address) => `http://${address}:${port}/`);
  return `Open ${urls.join(' or ')} on the same network; it ends after ${minutes} minutes, or with Ctrl-C.`;
}

function lanAddresses(): string[] {
  const entries = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const own = entries.filter(({ family, internal }) => family === 'IPv4' && !internal);
  return own.length > 0 ? own.map(({ address }) => address) : ['127.0.0.1'];
}

function badRequest(message: string): AppError {
  return new AppError('BAD_REQUEST', message);
}
