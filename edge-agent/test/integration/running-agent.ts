// The agent as it is installed, and a server that sees everything of it.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ulid } from 'ulid';
import { expect, onTestFinished } from 'vitest';
import { reply, type Reply } from '@sitecast/shared/protocol/commands';
import { decodeFrame, type Frame, type Profile } from '@sitecast/shared/protocol/frame-header';
import { decodeMessage, encodeJson } from '@sitecast/shared/protocol/json-message';
import {
  agentHealth,
  cameraInventory,
  type AgentHealth,
  type CameraReport,
} from '@sitecast/shared/protocol/status';
import { topics } from '@sitecast/shared/protocol/topics';
import { PATIENCE_MS } from '../../../shared/test/patience.ts';
import { MqttConnection } from '../../src/uplink/connection.ts';
import { silentLogger, waitFor } from '../support.ts';
import { type Mosquitto } from './brokers.ts';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
/** The longest that the protocol knows. */
const LEASE_MS = 60_000;
export const address = { site: 'demo', agent: 'gateway' };

export interface RunningAgent {
  child: ChildProcess;
  folder: string;
  stderr: () => string;
  exit: Promise<number | null>;
}

export function launch(parameters: string[], env: Record<string, string> = {}): RunningAgent {
  const child = spawn(process.execPath, [main, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return { child, folder: '', stderr: () => stderr, exit };
}

export async function writeConfig(
  folder: string,
  url: string,
  extra = '',
  dataDir = './data',
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'agent.yaml');
  await writeFile(
    path,
    `site: demo
agent: gateway
dataDir: ${dataDir}
uplink: { url: "${url}", mediaUrl: "${url}" }
cameras: [{ id: front, name: Front door, source: "demo:front", snapshotIntervalSeconds: 3 }]
sensors: [{ id: climate, source: "demo:climate", intervalSeconds: 0.5 }]
${extra}`,
  );
  return path;
}

/** What the server is to an agent: sees everything, and sends commands. */
export class FakeServer {
  readonly messages: { topic: string; payload: Uint8Array }[] = [];
  readonly #connection: MqttConnection;
  #acksLive = false;

  constructor({ url }: Mosquitto) {
    this.#connection = new MqttConnection({
      name: 'server',
      url,
      clientId: `server-${ulid()}`,
      username: 'server',
      password: 'x',
      subscriptions: ['sitecast/#'],
      logger: silentLogger,
    });
    onTestFinished(() => this.#connection.close());
    this.#connection.onMessage((message) => this.#take(message));
    this.#connection.start();
  }

  of(topic: string): Uint8Array[] {
    return this.messages.filter((message) => message.topic === topic).map(({ payload }) => payload);
  }

  frames(profile: Profile, camera = 'front'): Frame[] {
    return this.of(topics.live(address, camera, profile)).map(decodeFrame);
  }

  /** The newest list of cameras; empty before the first. */
  cameras(): CameraReport[] {
    const newest = this.of(topics.cameras(address)).at(-1);
    return newest ? decodeMessage(cameraInventory, newest).cameras : [];
  }

  health(): AgentHealth | undefined {
    const newest = this.of(topics.health(address)).at(-1);
    return newest && decodeMessage(agentHealth, newest);
  }

  first(topic: string): Promise<Uint8Array> {
    return waitFor(() => this.of(topic)[0], topic);
  }

  async command(op: string, args: unknown = {}, id = ulid()): Promise<Reply> {
    const answer = (): Reply | undefined =>
      this.of(topics.reply(address))
        .map((payload) => decodeMessage(reply, payload))
        .find((one) => one.id === id);
    const expiresAt = new Date(Date.now() + PATIENCE_MS).toISOString();
    await this.#connection.publish(topics.command(address), encodeJson({ id, op, args, expiresAt }));
    return waitFor(answer, `the reply to ${op}`);
  }

  /** Asks again where a slow machine gave no picture in time. */
  lease(profile: Profile, camera = 'front'): Promise<Extract<Reply, { ok: true }>> {
    return waitFor(async () => {
      const leased = await this.command('live.lease', { camera, profile, ttlMs: LEASE_MS });
      if (leased.ok) return leased;
      expect(leased.error.code).toMatch(/^(ENCODER_FAILED|CAMERA_OFFLINE)$/);
      return undefined;
    }, `a lease of ${camera}/${profile}`);
  }

  /** Renewed until the test ends, however long that takes. */
  async keepLeased(profile: Profile, camera: string): Promise<void> {
    await this.lease(profile, camera);
    const renew = (): void =>
      void this.command('live.lease', { camera, profile, ttlMs: LEASE_MS }).catch(() => {});
    const timer = setInterval(renew, LEASE_MS / 6);
    onTestFinished(() => clearInterval(timer));
  }

  ackLive(): void {
    this.#acksLive = true;
  }

  #take(message: { topic: string; payload: Uint8Array }): void {
    this.messages.push(message);
    const [, camera, profile] = /\/cam\/(.*)\/live\/(.*)$/.exec(message.topic) ?? [];
    if (!this.#acksLive || camera === undefined) return;
    const { sequence } = decodeFrame(message.payload).header;
    const stream = `${camera}/${profile}`;
    this.#connection.send(topics.liveAck(address), encodeJson({ stream, sequence, receivedBytes: 1 }));
  }
}

export function childrenOf(pid: number | undefined): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
