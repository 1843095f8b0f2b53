// `sitecast-agent doctor`: one look at everything that an agent needs, a line each, with what to do.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { check, linesOf, skipped, type Check } from '@sitecast/shared/node/check';
import { checkCamera } from '../doctor/camera-checks.ts';
import { checkEncoders } from '../doctor/encoder-checks.ts';
import {
  checkClock,
  checkDisk,
  checkFfmpeg,
  checkNode,
  checkSpool,
  isAgentRunning,
} from '../doctor/gateway-checks.ts';
import { checkLogin, checkName, checkPort } from '../doctor/uplink-checks.ts';
import { loadAgentConfig, type Environment } from '../config-file.ts';
import type { AgentConfig } from '../config.ts';

export interface DoctorOptions {
  configPath: string;
  env: Environment;
  json: boolean;
  print: (text: string) => void;
  /** Ends it early. */
  signal: AbortSignal;
}

/** @returns whether nothing failed. @throws {AppError} CONFIG_INVALID, SHUTTING_DOWN. */
export async function doctor({ configPath, env, json, print, signal }: DoctorOptions): Promise<boolean> {
  const config = await loadAgentConfig(configPath, env);
  const checks = [
    ...(await checkGateway(config, env, signal)),
    ...(await checkUplink(config)),
    ...(await checkCameras(config)),
  ];
  if (signal.aborted) throw new AppError('SHUTTING_DOWN', 'not everything was looked at');
  print(json ? JSON.stringify({ checks }, undefined, 2) : linesOf(checks).join('\n'));
  return checks.every(({ state }) => state !== 'failed');
}

async function checkGateway(config: AgentConfig, env: Environment, signal: AbortSignal): Promise<Check[]> {
  return [
    await check('node', checkNode),
    await check('disk', () => checkDisk(config)),
    await check('spool', () => checkSpool(config)),
    await check('clock', checkClock),
    await check('ffmpeg', () => checkFfmpeg(config, env.PATH)),
    await check('encoders', () => checkEncoders(config, { searchPath: env.PATH, signal })),
  ];
}

/** The login is only tried where the agent does not run: the server would cut the running one off. */
async function checkUplink(config: AgentConfig): Promise<Check[]> {
  const { url, mediaUrl } = config.uplink;
  const name = await check('server name', () => checkName(url));
  const data = await check('data port', () => checkPort(url, config));
  const media = await check('media port', () => checkPort(mediaUrl, config));
  const login = await check('login', async () => {
    if (data.state === 'failed') return skipped('the data port does not answer');
    return checkLogin(url, config, await isAgentRunning(config));
  });
  return [name, data, media, login];
}

function checkCameras({ cameras }: AgentConfig): Promise<Check[]> {
  return Promise.all(cameras.map((camera) => check(`camera ${camera.id}`, () => checkCamera(camera))));
}
