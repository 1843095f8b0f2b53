import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { agentConfigSchema } from '../src/config.ts';
import { loadAgentConfig, parseAgentYaml } from '../src/config-file.ts';
import { configReference } from './config-reference.ts';
import { temporaryFolder } from './support.ts';

const minimal = `
site: demo
agent: gateway
uplink:
  url: mqtt://127.0.0.1:1883
  mediaUrl: mqtt://127.0.0.1:1884
`;

/** Dotted keys of a schema, `[]` for the items of a list. */
function schemaKeys(schema: z.ZodType, path = ''): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return schemaKeys(schema.unwrap() as z.ZodType, path);
  }
  if (schema instanceof z.ZodPipe) return schemaKeys(schema.in as z.ZodType, path);
  if (schema instanceof z.ZodArray) return schemaKeys(schema.element as z.ZodType, `${path}[]`);
  if (schema instanceof z.ZodUnion) {
    return [...new Set(schema.options.flatMap((option) => schemaKeys(option as z.ZodType, path)))];
  }
  if (!(schema instanceof z.ZodObject)) return [path];
  return Object.entries(schema.shape).flatMap(([key, value]) =>
    schemaKeys(value as z.ZodType, path ? `${path}.${key}` : key),
  );
}

function documentKeys(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    return [...new Set(value.flatMap((item) => documentKeys(item, `${path}[]`)))];
  }
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => documentKeys(inner, path ? `${path}.${key}` : key));
}

test('CONFIG.md says what the schema and the example say', async () => {
  const reference = await configReference();
  expect(reference).toContain('| `cameras[].snapshotIntervalSeconds` | whole number, 0 to 86400 | `60` |');
  await expect(reference).toMatchFileSnapshot('../CONFIG.md');
});

describe('agent.example.yaml', () => {
  test('is valid, and lists every key that there is', async () => {
    const text = await readFile(new URL('../agent.example.yaml', import.meta.url), 'utf8');
    expect(() => parseAgentYaml(text, 'the example')).not.toThrow();
    expect(documentKeys(parse(text)).sort()).toEqual(schemaKeys(agentConfigSchema).sort());
  });

  test('shows the defaults that the schema has', async () => {
    const text = await readFile(new URL('../agent.example.yaml', import.meta.url), 'utf8');
    const example = parseAgentYaml(text, 'the example');
    const bare = parseAgentYaml(
      `${minimal}cameras: [{ id: a, source: 'demo:a' }]\nsensors: [{ id: b, source: 'demo:power' }]`,
      'bare',
    );
    expect(example.spool).toEqual(bare.spool);
    const bareBroker = parseAgentYaml(`${minimal}siteBroker: { anonymous: true }`, 'bare').siteBroker;
    const { listen, port, maxConnections, maxPacketBytes, maxSensors, maxSeries } = bareBroker ?? {};
    expect(example.siteBroker).toMatchObject({
      listen,
      port,
      maxConnections,
      maxPacketBytes,
      maxSensors,
      maxSeries,
    });
    expect(example.clips).toEqual(parseAgentYaml(`${minimal}clips: {}`, 'bare').clips);
    expect(example.dataDir).toBe(bare.dataDir);
    expect(example.cameras[0]).toMatchObject({
      transport: bare.cameras[0]?.transport,
      snapshotIntervalSeconds: 60,
    });
    expect(example.sensors[0]?.intervalSeconds).toBe(bare.sensors[0]?.intervalSeconds);
  });
});

describe('the configuration', () => {
  test('lists all problems at once, each with its line', () => {
    const text = `site: Demo
agent: sensors
uplink:
  url: http://user:hunter2@host
  mediaUrl: mqtt://host:1884
colour: red
cameras:
  - id: a
    source: http://user:hunter2@camera/
  - id: a
    source: demo:x
    fps: 3
`;
    const error = catchError(() => parseAgentYaml(text, 'agent.yaml'));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(error.message).toContain('line 1: "site"');
    expect(error.message).toContain('line 4: "uplink.url"');
    expect(error.message).toContain('line 6: "colour" is wrong: unknown key');
    expect(error.message).toContain('line 9: "cameras.0.source"');
    expect(error.message).toContain('line 12: "cameras.1.fps" is wrong: unknown key');
    expect(error.message).not.toContain('hunter2');
  });

  test('looks across keys whatever is wrong with single ones, and lists all by their lines', () => {
    const text = `site: demo
agent: gateway
uplink: { url: "mqtt://127.0.0.1:1883", mediaUrl: "mqtt://127.0.0.1:1884" }
spool:
  maxBytes: 16777216
  replayPercent: 1
  lanes: { snapshots: { maxBytes: 16000000, whenFull: sometimes } }
sensors:
  - { id: s, source: demo:nope }
  - { id: s, source: demo:power }
  - null
cameras:
  - { id: front, source: "rtsp://h/x", motion: { sensitivity: ultra } }
  - { source: "rtsp://h/x", masks: [{ x: 0.5, y: 0, width: 0.8, height: 0.1, colour: red }] }
  - { id: front, source: "rtsp://h/x" }
rules:
  - id: r
    when: { sensor: ghost, metric: t }
    then: [{ snapshot: back }, { clip: { camera: front } }, { nothing: 1 }]
  - { id: r, when: { event: motion, camera: attic }, then: [{ snapshot: front }] }
siteBroker:
  port: 0
  credentials: [{ user: a, password: "" }, { user: a, password: b }]
  anonymous: true
  rules: [{ ready: tasmota, topic: a/b, colour: red }]
`;
    const { message } = catchError(() => parseAgentYaml(text, 'x'));
    const told = message.split('\n').map((line) => /line \d+: "[^"]*"/.exec(line)?.[0]);
    expect(told.slice(1)).toEqual([
      'line 6: "spool.replayPercent"',
      'line 7: "spool.lanes.snapshots.whenFull"',
      'line 7: "spool.lanes"',
      ...['line 9: "sensors.0.source"', 'line 10: "sensors.1.id"', 'line 11: "sensors.2"'],
      'line 13: "cameras.0.motion.sensitivity"',
      ...['line 14: "cameras.1.id"', 'line 14: "cameras.1.masks.0.colour"', 'line 14: "cameras.1.masks.0"'],
      ...['line 15: "cameras.2.id"', 'line 18: "rules.0.when"'],
      ...[
        'line 19: "rules.0.then.2"',
        'line 19: "rules.0.then.1.clip"',
        'line 19: "rules.0.then.0.snapshot"',
      ],
      ...['line 20: "rules.1.id"', 'line 20: "rules.1.when.camera"'],
      ...['line 22: "siteBroker.port"', 'line 23: "siteBroker.credentials.0.password"'],
      'line 23: "siteBroker.credentials.1.user"',
      'line 24: "siteBroker.anonymous"',
      ...['line 25: "siteBroker.rules.0.colour"', 'line 25: "siteBroker.rules.0.topic"'],
    ]);
  });

  test('says that a key is missing, and that a text is no configuration at all', () => {
    const missing = catchError(() =>
      parseAgentYaml('site: demo\nuplink:\n  url: "mqtt://h"\ncameras:\n', 'x'),
    );
    expect(missing.message).toBe(`x is not valid:
  line 1: "agent" is missing
  line 2: "uplink.mediaUrl" is missing
  line 4: "cameras" has no value`);
    for (const text of ['- site: demo', 'demo', '5'])
      expect(catchError(() => parseAgentYaml(text, 'x')).message, text).toBe(
        'x is not valid:\n  line 1: it must be a map of keys, in lines such as "site: NAME"',
      );
  });

  test('lists what it refers to and is not there among the other problems, each with its line', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'agent.yaml');
    await writeFile(
      path,
      `${minimal}  secretFile: no-secret
  ca: no-ca
cameras:
  - { id: a, source: "env:FRONT" }
  - id: A
    source: demo:a
    subStream: env:SMALL
siteBroker:
  credentialsFile: no-users
`,
    );
    const env = { SMALL: 'http://u:hunter2@h/' };
    const { message } = (await loadAgentConfig(path, env).catch((caught: unknown) => caught)) as Error;
    const [head, ...lines] = message.split('\n');
    expect(head).toBe(`${path} is not valid:`);
    expect(lines).toEqual([
      `  line 7: "uplink.secretFile" ${join(folder, 'no-secret')} cannot be read: ENOENT: no such file or directory, open '${join(folder, 'no-secret')}'`,
      expect.stringMatching(/^ {2}line 8: "uplink\.ca" .*ENOENT/) as string,
      '  line 10: "cameras.0.source" is wrong: the variable FRONT is not set; it must be an rtsp:// or rtsps:// address',
      expect.stringContaining('line 11: "cameras.1.id" is wrong') as string,
      '  line 13: "cameras.1.subStream" is wrong: the variable SMALL is set to something else than an rtsp:// or rtsps:// address',
      expect.stringMatching(/^ {2}line 15: "siteBroker\.credentialsFile" .*ENOENT/) as string,
    ]);
    await writeFile(path, `# Nobody has a secret.\n${minimal}cameras: [{ id: A, source: demo:a }]\n`);
    await expect(loadAgentConfig(path, {})).rejects.toThrow(
      /line 5: the secret of the agent is missing.*\n.*line 8: "cameras/,
    );
  });

  test('shares the spool among its lanes, and leaves to the others what one is given', () => {
    const lanesOf = (spool: string): Record<string, { maxBytes: number; whenFull: string }> =>
      parseAgentYaml(`${minimal}spool: ${spool}`, 'x').spool.lanes;
    const sum = (lanes: Record<string, { maxBytes: number }>): number =>
      Object.values(lanes).reduce((total, { maxBytes }) => total + maxBytes, 0);
    expect(sum(lanesOf('{ maxBytes: 16777216 }'))).toBe(16_777_216);
    const lanes = lanesOf('{ lanes: { snapshots: { maxBytes: 8388608, whenFull: reject-new } } }');
    expect(lanes.snapshots).toEqual({ maxBytes: 8_388_608, whenFull: 'reject-new' });
    expect(lanes.telemetry?.whenFull).toBe('drop-oldest');
    expect(sum(lanes)).toBeLessThanOrEqual(268_435_456);
    expect(sum(lanes)).toBeGreaterThan(268_435_000);
  });

  test.each([
    [
      'a lane without a policy',
      '{ lanes: { events: { maxBytes: 2097152 } } }',
      '"spool.lanes.events.whenFull"',
    ],
    ['a policy that is none', '{ lanes: { events: { whenFull: block } } }', '"spool.lanes.events.whenFull"'],
    [
      'a lane that is none',
      '{ lanes: { clouds: { whenFull: reject-new } } }',
      '"spool.lanes.clouds" is wrong: unknown key',
    ],
    [
      'lanes that take the place of another',
      '{ maxBytes: 16777216, lanes: { snapshots: { maxBytes: 16000000, whenFull: reject-new } } }',
      'of the 16777216 bytes of spool.maxBytes to "alarms", which needs 1048576',
    ],
  ])('refuses %s', (_, spool, problem) => {
    expect(catchError(() => parseAgentYaml(`${minimal}spool: ${spool}`, 'x')).message).toContain(problem);
  });

  test('takes a monthly volume, whose month begins on the first unless another day is named', () => {
    const budgetOf = (budget: string): unknown =>
      parseAgentYaml(`${minimal}  budget: ${budget}\n`, 'x').uplink.budget;
    expect(budgetOf('{ gigabytesPerMonth: 2.5 }')).toEqual({ gigabytesPerMonth: 2.5, resetDay: 1 });
    for (const budget of [
      '{ gigabytesPerMonth: 0 }',
      '{ gigabytesPerMonth: 5, resetDay: 29 }',
      '{ resetDay: 3 }',
    ])
      expect(() => budgetOf(budget), budget).toThrow(/uplink.budget/);
  });

  test('has no clips unless they are wanted, and needs them for a rule that records one', () => {
    const rule = 'rules: [{ id: x, when: { event: motion }, then: [{ clip: { camera: a } }] }]';
    const camera = "cameras: [{ id: a, source: 'demo:a' }]";
    expect(parseAgentYaml(minimal, 'x').clips).toBeUndefined();
    const { message } = catchError(() => parseAgentYaml(`${minimal}${camera}\n${rule}`, 'x'));
    expect(message).toContain('"rules.0.then.0.clip" is wrong: needs "clips"');
    expect(parseAgentYaml(`${minimal}${camera}\n${rule}\nclips: {}`, 'x').clips).toMatchObject({
      preRollSeconds: 5,
      upload: 'on-request',
    });
    const other = catchError(() => parseAgentYaml(`${minimal}${rule}\nclips: {}`, 'x'));
    expect(other.message).toContain('"rules.0.then.0.clip.camera" is wrong: there is no camera "a"');
  });

  test.each([
    [
      '{ preRollSeconds: 10, postRollSeconds: 60 }',
      'maxSeconds',
      'is 60, less than 10 s before and 60 s after',
    ],
    ['{ maxBytes: 8388608, quotaBytes: 8388608 }', 'quotaBytes', 'less than twice maxBytes'],
    ['{ maxBytes: 134217728 }', 'maxBytes', ''],
    ['{ upload: never }', 'upload', ''],
    ['{ preRollSeconds: 0.5 }', 'preRollSeconds', ''],
  ])('refuses clips of %s', (clips, key, problem) => {
    const { message } = catchError(() => parseAgentYaml(`${minimal}clips: ${clips}`, 'x'));
    expect(message).toContain(`"clips.${key}"`);
    expect(message).toContain(problem);
  });

  test('refuses aliases that would blow up in memory', () => {
    const bomb = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]\n`);
    const error = catchError(() => parseAgentYaml(`a0: &a0 [x]\n${bomb.join('')}`, 'agent.yaml'));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(error.message).toContain('line 1: Excessive alias count');
  });

  test('names both of two cameras with the same id', () => {
    const error = catchError(() =>
      parseAgentYaml(
        `${minimal}cameras:\n  - { id: a, source: "demo:x" }\n  - { id: a, source: "demo:y" }\n`,
        'x',
      ),
    );
    expect(error.message).toContain('line 9: "cameras.1.id" is wrong: "a" is also the id of cameras.0');
  });

  test.each([
    'rtsp://u:hunter2@camera:99999/x',
    'rtsp://u:hunter#2@camera/x',
    'rtsp://:0/x',
    'file://host/a.mp4',
  ])('names the line of a source that no camera could be opened with: %s', (source) => {
    const error = catchError(() =>
      parseAgentYaml(`${minimal}cameras:\n  - id: a\n    source: '${source}'\n`, 'x'),
    );
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(error.message).toContain('line 9: "cameras.0.source"');
    expect(error.message).not.toContain('hunter');
  });

  test.each([
    ['siteBroker: {}', 'siteBroker.anonymous'],
    ['siteBroker: { anonymous: true, credentials: [{ user: a, password: b }] }', 'siteBroker.anonymous'],
    ['siteBroker: { credentials: [{ user: "a:b", password: hunter2 }] }', 'siteBroker.credentials.0.user'],
    [
      'siteBroker: { credentials: [{ user: a, password: hunter2 }, { user: a, password: hunter2 }] }',
      'siteBroker.credentials.1.user',
    ],
    ['siteBroker: { anonymous: true, port: 0 }', 'siteBroker.port'],
    ['siteBroker: { anonymous: true, rules: [{ ready: tasmota, topic: a/b }] }', 'siteBroker.rules.0.topic'],
    [
      'siteBroker: { anonymous: true, rules: [{ topic: "a/{b}", values: [{ path: "$..a" }] }] }',
      'siteBroker.rules.0.values.0.path',
    ],
  ])('refuses %s', (text, key) => {
    const error = catchError(() => parseAgentYaml(minimal + text, 'x'));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(error.message).toContain(`"${key}"`);
    expect(error.message).not.toContain('hunter2');
  });

  test('takes users of the site broker from a file, and names a line that is none without showing it', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'agent.yaml');
    await writeFile(
      path,
      `${minimal}siteBroker: { credentials: [{ user: a, password: b }], credentialsFile: users }`,
    );
    const users = join(folder, 'users');
    await writeFile(users, '# zigbee\nzigbee:pass:word\n\nshelly:한글\n');
    const env = { SITECAST_AGENT_SECRET: 'x' };
    expect((await loadAgentConfig(path, env)).siteBroker?.credentials).toEqual([
      { user: 'a', password: 'b' },
      { user: 'zigbee', password: 'pass:word' },
      { user: 'shelly', password: '한글' },
    ]);
    await writeFile(users, 'zigbee:x\nhunter2\n');
    const error = await loadAgentConfig(path, env).catch((caught: unknown) => caught as Error);
    expect((error as Error).message).toContain('line 2: must be USER:PASSWORD');
    expect((error as Error).message).not.toContain('hunter2');
  });

  test('says where YAML itself is broken', () => {
    expect(catchError(() => parseAgentYaml('site: demo\nagent: [', 'x')).message).toMatch(/line [23]: /);
  });

  test('takes secrets and camera addresses from the environment, and paths relative to the file', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'agent.yaml');
    await writeFile(
      path,
      `${minimal}dataDir: ./data\ncameras:\n  - { id: a, source: "env:FRONT", subStream: "file:small.mp4" }\n  - { id: b, source: "file:clip.mp4" }\n  - { id: c, source: "file:///media/a%20b.mp4" }\n`,
    );
    const env = { SITECAST_AGENT_SECRET: ' s3cret\n', FRONT: 'rtsp://u:p@h/1', FFMPEG_PATH: '/opt/ffmpeg' };
    expect(await loadAgentConfig(path, env)).toMatchObject({
      dataDir: join(folder, 'data'),
      ffmpegPath: '/opt/ffmpeg',
      secret: 's3cret',
      cameras: [
        { source: 'rtsp://u:p@h/1', subStream: `file:${join(folder, 'small.mp4')}` },
        { source: `file:${join(folder, 'clip.mp4')}` },
        { source: 'file:///media/a%20b.mp4' },
      ],
    });
  });

  test.each([
    ['no secret at all', '', {}, 'SITECAST_AGENT_SECRET'],
    [
      'a variable that is not set',
      'cameras: [{ id: a, source: "env:FRONT" }]',
      { SITECAST_AGENT_SECRET: 'x' },
      'FRONT',
    ],
    [
      'a variable that is no address',
      'cameras: [{ id: a, source: "env:FRONT" }]',
      { SITECAST_AGENT_SECRET: 'x', FRONT: 'hunter2' },
      'FRONT',
    ],
    [
      'a variable with a port that is none',
      'cameras: [{ id: a, source: "env:FRONT" }]',
      { SITECAST_AGENT_SECRET: 'x', FRONT: 'rtsp://u:hunter2@h:99999/x' },
      'FRONT',
    ],
  ])('refuses %s by name, not by value', async (_, extra, env, name) => {
    const folder = await temporaryFolder();
    const path = join(folder, 'agent.yaml');
    await writeFile(path, minimal + extra);
    const error = await loadAgentConfig(path, env).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect((error as Error).message).toContain(name);
    expect((error as Error).message).not.toContain('hunter2');
  });
});

function catchError(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
