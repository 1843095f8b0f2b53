// Asks one device for its streams, in a thread of its own: the `onvif` package trusts what it reads, and throws where nobody
// can catch it when an answer is not what it expects. The only importer of `onvif`.

import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import onvif from 'onvif';
import * as z from 'zod';
import {
  isRefusal,
  looseText,
  MAX_PROFILES,
  type DeviceAnswer,
  type DeviceRequest,
  type OnvifProfile,
} from './onvif-answer.ts';

type Cam = InstanceType<typeof onvif.Cam>;

const information = z.object({ manufacturer: looseText.catch(''), model: looseText.catch('') }).catch({
  manufacturer: '',
  model: '',
});
const rawProfile = z.object({
  $: z.object({ token: z.union([z.string(), z.number(), z.boolean()]).transform(String) }),
  name: looseText.catch(''),
  videoSourceConfiguration: z.object({ sourceToken: looseText }).catch({ sourceToken: '' }),
  videoEncoderConfiguration: z
    .object({
      encoding: looseText.catch(''),
      resolution: z.object({ width: z.number(), height: z.number() }).catch({ width: 0, height: 0 }),
    })
    .catch({ encoding: '', resolution: { width: 0, height: 0 } }),
});
type RawProfile = z.output<typeof rawProfile>;
const streamUri = z.object({ uri: z.string() });

try {
  parentPort?.postMessage({ answer: await ask(openDevice(workerData as DeviceRequest)) });
} catch (error) {
  parentPort?.postMessage({ failure: messageOf(error) });
}

function openDevice(request: DeviceRequest): Cam {
  const { host, port, path, isTls, user, password, timeoutMs, maxBytes } = request;
  return new onvif.Cam({
    hostname: host,
    port,
    path,
    // The package puts it into its XML as it is.
    username: escapeXml(user),
    password,
    timeout: timeoutMs,
    useSecure: isTls,
    // Cameras sign their certificates themselves.
    secureOpts: { rejectUnauthorized: false },
    autoconnect: false,
    preserveAddress: true,
    agent: boundedAgent(isTls ? new https.Agent({ rejectUnauthorized: false }) : new http.Agent(), maxBytes),
  });
}

async function ask(device: Cam): Promise<DeviceAnswer> {
  // Its clock first: what it lets in is signed with its own time.
  await call((done) => device.getSystemDateAndTime(done));
  await findServices(device);
  const { manufacturer, model } = information.parse(await call((done) => device.getDeviceInformation(done)));
  const raw = z.array(z.unknown()).parse(await call((done) => device.getProfiles(done)));
  const profiles: OnvifProfile[] = [];
  for (const entry of raw.slice(0, MAX_PROFILES)) {
    const profile = rawProfile.safeParse(entry);
    if (profile.success) profiles.push(await withUri(device, profile.data));
  }
  return { manufacturer, model, profiles };
}

async function findServices(device: Cam): Promise<void> {
  try {
    await call((done) => device.getServices(true, done));
  } catch (error) {
    // Cameras lock out who is refused too often.
    if (isRefusal(messageOf(error))) throw error;
    await call((done) => device.getCapabilities(done));
  }
}

async function withUri(device: Cam, profile: RawProfile): Promise<OnvifProfile> {
  const { $, name, videoSourceConfiguration, videoEncoderConfiguration } = profile;
  const options = { protocol: 'RTSP', profileToken: $.token } as const;
  const { uri } = streamUri.parse(await call((done) => device.getStreamUri(options, done)));
  return {
    name,
    source: videoSourceConfiguration.sourceToken,
    encoding: videoEncoderConfiguration.encoding,
    ...videoEncoderConfiguration.resolution,
    uri,
  };
}

function call(request: (done: (error: unknown, result: unknown) => void) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request((error, result) => {
      if (error) reject(error instanceof Error ? error : new Error(messageOf(error)));
      else resolve(result);
    });
  });
}

/** The package gathers whatever comes; beyond the bound the connection is cut. */
function boundedAgent(agent: http.Agent, maxBytes: number): http.Agent {
  let bytes = 0;
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket: Duplex | null | undefined = connect(options, callback);
    socket?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) socket.destroy(new Error(`the answers have more than ${maxBytes} bytes`));
    });
    return socket;
  };
  return agent;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
