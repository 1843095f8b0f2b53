import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { doctor } from '../../src/commands/doctor.ts';
import { DataDirLock } from '../../src/data-dir-lock.ts';
import type { Check } from '@sitecast/shared/node/check';
import { temporaryFolder } from '../support.ts';
import { RawBroker } from './brokers.ts';

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
});

interface Site {
  url?: string;
  mediaUrl?: string;
  ca?: string;
  cameras?: string;
}

async function writeConfig({ url = 'mqtt://127.0.0.1:1', mediaUrl = url, ca, cameras = '[]' }: Site = {}) {
  const authority = ca === undefined ? '' : `, ca: ${ca}`;
  await writeFile(
    join(folder, 'agent.yaml'),
    `site: demo
agent: gateway
dataDir: ./data
uplink: { url: "${url}", mediaUrl: "${mediaUrl}"${authority} }
cameras: ${cameras}
`,
  );
}

async function examine(site: Site = {}): Promise<{ isWell: boolean; checks: Record<string, Check> }> {
  await writeConfig(site);
  let text = '';
  const env = { SITECAST_AGENT_SECRET: 's3cret', PATH: '' };
  const isWell = await doctor({
    configPath: join(folder, 'agent.yaml'),
    env,
    json: true,
    print: (line) => (text += line),
    signal: new AbortController().signal,
  });
  expect(text).not.toContain('s3cret');
  const { checks } = JSON.parse(text) as { checks: Check[] };
  return { isWell, checks: Object.fromEntries(checks.map((check) => [check.name, check])) };
}

describe('sitecast-agent doctor', () => {
  test('finds nothing wrong where nothing is', async () => {
    const broker = await RawBroker.open();
    const { isWell, checks } = await examine({
      url: broker.url,
      cameras: '[{id: front, source: "demo:front"}]',
    });
    expect(Object.values(checks).filter(({ state }) => state === 'failed')).toEqual([]);
    expect(isWell).toBe(true);
    expect(Object.keys(checks)).toEqual([
      ...['node', 'disk', 'spool', 'clock', 'ffmpeg', 'encoders'],
      ...['server name', 'data port', 'media port', 'login', 'camera front'],
    ]);
    expect(checks.ffmpeg).toMatchObject({ state: 'ok', text: expect.stringContaining('bundled') as string });
    expect(checks.encoders?.text).toMatch(/^\w+ by "encoder: auto".*; up to \d+ process(es)? on \d+ cores?$/);
    expect(checks.login).toEqual({ name: 'login', state: 'ok', text: 'gateway is let in' });
  });

  test('tells a name that is not known from a port where nothing listens and from a secret that is wrong', async () => {
    const unknown = await examine({ url: 'mqtt://no-such-host.invalid' });
    expect(unknown.isWell).toBe(false);
    expect(unknown.checks['server name']).toMatchObject({
      state: 'failed',
      advice: expect.stringContaining('name server') as string,
    });
    const broker = await RawBroker.open();
    broker.returnCode = 5;
    const refused = await examine({ url: broker.url, mediaUrl: 'mqtt://127.0.0.1:1' });
    expect(refused.checks['data port']?.state).toBe('ok');
    expect(refused.checks['media port']).toMatchObject({
      state: 'failed',
      advice: expect.stringContaining('nothing listens there') as string,
    });
    expect(refused.checks.login).toMatchObject({
      state: 'failed',
      text: expect.stringContaining('CONNACK 5') as string,
      advice: expect.stringContaining('the secret') as string,
    });
  });

  test('does not cut off an agent that runs', async () => {
    const broker = await RawBroker.open();
    await mkdir(join(folder, 'data'));
    const lock = await DataDirLock.open(join(folder, 'data'));
    const { isWell, checks } = await examine({ url: broker.url });
    await lock.close();
    expect(isWell).toBe(true);
    expect(checks.login?.state).toBe('skipped');
    expect(broker.connects).toBe(0);
  });

  test('names a camera that does not answer, a file that is not there, and no password', async () => {
    const { checks } = await examine({
      cameras: `[{id: gone, source: "rtsp://admin:hunter2@127.0.0.1:1/"}, {id: film, source: "file:none.mp4"}]`,
    });
    expect(checks['camera gone']).toMatchObject({
      state: 'failed',
      advice: expect.stringContaining('power, cable and address') as string,
    });
    expect(checks['camera film']).toMatchObject({ state: 'failed' });
    expect(JSON.stringify(checks)).not.toContain('hunter2');
  });

  test('says what to do when the data directory cannot be written', async () => {
    await writeFile(join(folder, 'data'), 'a file where the folder should be');
    const { checks } = await examine();
    expect(checks.disk).toMatchObject({
      state: 'failed',
      advice: expect.stringContaining('"dataDir"') as string,
    });
  });

  test('ends early when it is told to', async () => {
    await writeConfig();
    const printed: string[] = [];
    const looking = doctor({
      configPath: join(folder, 'agent.yaml'),
      env: { SITECAST_AGENT_SECRET: 'x', PATH: '' },
      json: false,
      print: (text) => printed.push(text),
      signal: AbortSignal.abort(),
    });
    await expect(looking).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(printed).toEqual([]);
  });

  test('prints a line for each finding, and the advice below it', async () => {
    await writeConfig();
    const lines: string[] = [];
    const env = { SITECAST_AGENT_SECRET: 'x', PATH: '' };
    const configPath = join(folder, 'agent.yaml');
    const { signal } = new AbortController();
    const print = (text: string): unknown => lines.push(text);
    expect(await doctor({ configPath, env, json: false, print, signal })).toBe(false);
    expect(lines.join('\n')).toMatch(/^failed +data port +127\.0\.0\.1:1: .*\n +-> nothing listens there/m);
  });
});

const hasOpenssl = requireTool('openssl', 'certificates are made for the check of TLS');

describe.skipIf(!hasOpenssl)('sitecast-agent doctor, over TLS', () => {
  test('tells a certificate that is not trusted, and takes the authority that is given', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-days', '2', ...names], {
      stdio: 'ignore',
    });
    const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (socket) => {
      socket.on('error', () => undefined).once('data', () => socket.destroy());
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    const url = `mqtts://localhost:${(server.address() as AddressInfo).port}`;
    expect((await examine({ url })).checks['data port']).toMatchObject({
      state: 'failed',
      advice: expect.stringContaining('"uplink.ca"') as string,
    });
    expect((await examine({ url, ca: './cert.pem' })).checks['data port']).toMatchObject({
      state: 'ok',
      text: expect.stringContaining('is trusted') as string,
    });
  });
});
