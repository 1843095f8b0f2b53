// `sitecast-agent discover`: the ONVIF cameras of the LAN, and their streams as a piece of agent.yaml.

import { writeFile } from 'node:fs/promises';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { rtspUrl } from '../camera/source.ts';
import type { Environment } from '../config-file.ts';
import { cameraEntries, environmentLines, yamlLines, type CameraEntry } from '../discovery/camera-entries.ts';
import {
  DISCOVERY_PORT,
  MAX_DEVICES,
  searchCameras,
  type FoundDevice,
  type SearchResult,
  type Target,
} from '../discovery/camera-search.ts';
import { askDevice, type AskOptions } from '../discovery/onvif-device.ts';
import type { DeviceAnswer } from '../discovery/onvif-answer.ts';
import { PASSWORD_VARIABLE } from './ask-password.ts';

export interface DiscoverOptions {
  /** Asked one by one instead of the whole LAN. */
  hosts: string[];
  /** undefined: nobody is logged in to. */
  user: string | undefined;
  /** Where the addresses of streams go, with their password. */
  secretsFile: string | undefined;
  seconds: number;
  env: Environment;
  json: boolean;
  print: (text: string) => void;
  warn: (text: string) => void;
  askPassword: (question: string) => Promise<string>;
  signal: AbortSignal;
  /** Other than `DISCOVERY_PORT`. */
  port?: number;
  workerUrl?: AskOptions['workerUrl'];
  deviceDeadlineMs?: number;
}

interface Asked {
  device: FoundDevice;
  answer: DeviceAnswer | undefined;
  failure: string | undefined;
}

/** Devices that are asked at the same time. */
const ASKED_AT_ONCE = 4;

/**
 * @returns whether there is a camera; with `user`, one whose streams are known.
 * @throws {AppError} BAD_REQUEST, SOURCE_UNREACHABLE, SHUTTING_DOWN.
 */
export async function discover(options: DiscoverOptions): Promise<boolean> {
  const { hosts, user, secretsFile, seconds, signal, json, print, warn, port = DISCOVERY_PORT } = options;
  if (secretsFile !== undefined && user === undefined) throw badRequest('--secrets-file needs --user');
  const password = user === undefined ? '' : await findPassword(user, options);
  const targets = hosts.map((host): Target => ({ host, port }));
  const found = await searchCameras({ seconds, targets, signal });
  if (signal.aborted) throw new AppError('SHUTTING_DOWN', 'stopped before the search was over');
  tellIgnored(found, warn);
  if (user === undefined) {
    print(
      json
        ? inJson(found.devices.map((device) => ({ device, answer: undefined, failure: undefined })))
        : list(found.devices),
    );
    return found.devices.length > 0;
  }
  const asked = await askAll(found.devices, { ...options, user, password });
  const entries = cameraEntries(asked.filter(hasAnswer), user);
  if (secretsFile !== undefined && entries.length > 0) await writeEnvironment(secretsFile, entries, password);
  print(json ? inJson(asked, entries) : inYaml(asked, entries, secretsFile));
  return entries.length > 0;
}

async function findPassword(user: string, { env, askPassword }: DiscoverOptions): Promise<string> {
  const password = env[PASSWORD_VARIABLE] ?? (await askPassword(`Password of ${user}: `));
  // The package sends no credentials at all then, and every device refuses.
  if (password === '') throw badRequest('a password cannot be empty');
  return password;
}

interface Login {
  user: string;
  password: string;
}

async function askAll(devices: FoundDevice[], options: DiscoverOptions & Login): Promise<Asked[]> {
  const asked: Asked[] = [];
  const waiting = devices.entries();
  const askOnes = async (): Promise<void> => {
    for (const [index, device] of waiting) asked[index] = await askOne(device, options);
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askOnes));
  return asked;
}

async function askOne(device: FoundDevice, options: DiscoverOptions & Login): Promise<Asked> {
  const { user, password, signal, workerUrl, deviceDeadlineMs } = options;
  try {
    const answer = await askDevice({
      device,
      user,
      password,
      signal,
      workerUrl,
      deadlineMs: deviceDeadlineMs,
    });
    return { device, answer, failure: undefined };
  } catch (error) {
    if (isAppError(error, 'SHUTTING_DOWN')) throw error;
    return { device, answer: undefined, failure: messageOf(error) };
  }
}

function hasAnswer(asked: Asked): asked is Asked & { answer: DeviceAnswer } {
  return asked.answer !== undefined;
}

function tellIgnored({ answersIgnored, devices }: SearchResult, warn: (text: string) => void): void {
  if (devices.length === MAX_DEVICES)
    warn(`only the first ${MAX_DEVICES} cameras are listed; name the others as HOST`);
  if (answersIgnored > 0) warn(`${answersIgnored} answers were ignored: from no camera, or too many of them`);
}

/** @throws {AppError} BAD_REQUEST when the file is there already: it may hold the addresses of other cameras. */
async function writeEnvironment(path: string, entries: CameraEntry[], password: string): Promise<void> {
  try {
    await writeFile(path, `${environmentLines(entries, password).join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new AppError('BAD_REQUEST', `${path} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

function list(devices: FoundDevice[]): string {
  if (devices.length === 0) return NOTHING_FOUND;
  return [...devices.map(deviceLine), '', 'With --user NAME their streams are listed too.'].join('\n');
}

const NOTHING_FOUND =
  'no camera answered; check that ONVIF is switched on in it and that it is on the same network, or name its address as HOST';

function deviceLine({ address, name, model, isTls, port, path }: FoundDevice): string {
  const what = [name, model]
    .filter((text, index, all) => text !== '' && all.indexOf(text) === index)
    .join(', ');
  return `${address.padEnd(16)}${what || 'no name'}  ${isTls ? 'https' : 'http'}://${address}:${port}${path}`;
}

/** All of it is YAML: what is not for agent.yaml is a comment. */
function inYaml(asked: Asked[], entries: CameraEntry[], secretsFile: string | undefined): string {
  if (asked.length === 0) return `# ${NOTHING_FOUND}`;
  const comments = asked.flatMap(({ device, failure }) => [
    `# ${deviceLine(device)}`,
    ...(failure === undefined ? [] : [`#   -> ${failure}`]),
  ]);
  if (entries.length === 0) return comments.join('\n');
  const passwords =
    secretsFile === undefined
      ? '# Put the password in place of PASSWORD; / ? # in it are written %2F %3F %23.'
      : `# The addresses with the password stand in ${secretsFile} (systemd: EnvironmentFile=).`;
  return [...comments, passwords, 'cameras:', ...yamlLines(entries, secretsFile !== undefined)].join('\n');
}

function inJson(asked: Asked[], entries: CameraEntry[] = []): string {
  const devices = asked.map(({ device, answer, failure }) => ({
    ...device,
    manufacturer: answer?.manufacturer ?? null,
    model: answer?.model || device.model,
    failure: failure ?? null,
  }));
  const cameras = entries.map(({ main, sub, ...rest }) => ({
    ...rest,
    streams: [main, sub]
      .filter((stream) => stream !== undefined)
      .map(({ source, ...stream }) => ({ url: rtspUrl({ ...source, userInfo: '' }), ...stream })),
  }));
  return JSON.stringify({ devices, cameras }, undefined, 2);
}

function badRequest(message: string): AppError {
  return new AppError('BAD_REQUEST', message);
}
