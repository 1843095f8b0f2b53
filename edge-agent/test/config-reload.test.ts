import { beforeEach, describe, expect, test } from 'vitest';
import { pino } from 'pino';
import { parseAgentYaml } from '../src/config-file.ts';
import { ConfigReload } from '../src/config-reload.ts';
import type { AgentConfig } from '../src/config.ts';
import type { CameraUnit } from '../src/rack/camera-unit.ts';
import type { Exchange } from '../src/rack/camera-rack.ts';
import { ManualClock } from './support.ts';

const BASE = `site: demo
agent: gateway
uplink: { url: "mqtt://server:1883", mediaUrl: "mqtt://server:1884" }
`;

/** In the order in which it was done. */
let done: string[];
let lines: { level: number; msg: string; [field: string]: unknown }[];
let text: string;
let exchange: (ids: string[]) => { leaving: string[]; arriving: string[] };
let untilClosed: Promise<void>;

beforeEach(() => {
  [done, lines, text] = [[], [], BASE];
  exchange = () => ({ leaving: [], arriving: [] });
  untilClosed = Promise.resolve();
});

const read = async (): Promise<AgentConfig> => {
  const settings = parseAgentYaml(text, 'agent.yaml');
  return { ...settings, siteBroker: settings.siteBroker, secret: 'x', caPem: undefined };
};

async function open(): Promise<ConfigReload> {
  const unit = (id: string) => ({ id, start: () => done.push(`start ${id}`) }) as unknown as CameraUnit;
  const present = new Set<string>();
  const rack = {
    get: (id: string) => (present.has(id) ? unit(id) : undefined),
    exchange: (settings: { id: string }[]): Exchange => {
      const ids = settings.map(({ id }) => id);
      present.clear();
      for (const id of ids) present.add(id);
      done.push(`exchange ${ids.join()}`);
      const { leaving, arriving } = exchange(ids);
      return { leaving: leaving.map(unit), arriving: arriving.map(unit) };
    },
    closeAll: async (units: Iterable<CameraUnit>) => {
      await untilClosed;
      for (const { id } of units) done.push(`closed ${id}`);
    },
  };
  return new ConfigReload({
    config: await read(),
    read,
    rack,
    live: { forget: (id) => done.push(`forget ${id}`) },
    clips: { camerasChanged: (ids) => done.push(`clips ${[...ids].join()}`) },
    rules: { apply: (rules) => done.push(`rules ${rules.length}`) },
    inventory: { changed: () => done.push('inventory') },
    logger: pino(
      {},
      { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
    ),
    clock: new ManualClock(),
  });
}

describe('a reload', () => {
  test('ends what leaves before it starts what comes, and says what it did', async () => {
    const reload = await open();
    expect(reload.health).toBeNull();
    text += 'cameras: [{ id: a, source: "demo:a" }, { id: b, source: "demo:b" }]\n';
    exchange = () => ({ leaving: ['b', 'c'], arriving: ['a', 'b'] });
    await reload.reload();
    expect(done).toEqual([
      'exchange a,b',
      ...['forget b', 'forget c', 'clips b,c', 'rules 0', 'inventory'],
      ...['closed b', 'closed c', 'start a', 'start b'],
    ]);
    expect(lines).toMatchObject([{ level: 30, added: ['a'], changed: ['b'], removed: ['c'] }]);
    expect(reload.health).toEqual({ at: '2027-01-15T08:00:00.000Z', refused: null, needRestart: [] });
  });

  test('that finds errors changes nothing, tells each with its line, and is forgotten with the next good one', async () => {
    const reload = await open();
    text = `${BASE}colour: red\ncameras: [{ id: A, source: "rtsp://u:hunter2@h/x" }]\n`;
    await reload.reload();
    expect(done).toEqual([]);
    expect(lines.map(({ msg }) => msg)).toEqual([
      'the configuration is refused; the agent goes on with the one that it has',
      'line 4: "colour" is wrong: unknown key',
      expect.stringMatching(/^line 5: "cameras.0.id" is wrong: must be 1 to 63/),
    ]);
    expect(reload.health?.refused).toMatch(/^agent.yaml is not valid:\n {2}line 4: "colour"/);
    expect(JSON.stringify([lines, reload.health])).not.toContain('hunter2');
    text = BASE;
    await reload.reload();
    expect(reload.health?.refused).toBeNull();
  });

  test('that the cameras refuse changes nothing else', async () => {
    const reload = await open();
    exchange = () => {
      throw new Error('no ffmpeg');
    };
    await reload.reload();
    expect(done).toEqual(['exchange ']);
    expect(reload.health?.refused).toBe('no ffmpeg');
  });

  test('names what needs a restart, again and again until there is one', async () => {
    const reload = await open();
    text = BASE.replace('server:1883', 'other:1883');
    text += 'encoder: software\n';
    for (let time = 0; time < 2; time += 1) await reload.reload();
    const warnings = lines.filter(({ level }) => level === 40);
    expect(warnings.map(({ msg }) => msg)).toEqual(
      Array<string>(2).fill('needs a restart, and is as before until then: uplink.url, encoder'),
    );
    expect(reload.health?.needRestart).toEqual(['uplink.url', 'encoder']);
  });

  test('that meets the end of the agent starts nothing any more', async () => {
    const reload = await open();
    let finish = (): void => {};
    untilClosed = new Promise((resolve) => (finish = resolve));
    exchange = () => ({ leaving: ['a'], arriving: ['b'] });
    const over = reload.reload();
    await new Promise((resolve) => setImmediate(resolve));
    reload.close();
    finish();
    await over;
    expect(done.at(-1)).toBe('closed a');
    await reload.reload();
    expect(done.filter((step) => step.startsWith('exchange'))).toHaveLength(1);
  });

  test('logs a refusal of any length in a bounded number of lines', async () => {
    const reload = await open();
    text = BASE + Array.from({ length: 200 }, (_, index) => `key${index}: 1\n`).join('');
    await reload.reload();
    expect(lines).toHaveLength(52);
    expect(lines.at(-1)?.msg).toBe('and 150 more');
    expect(reload.health?.refused?.length).toBeLessThanOrEqual(500);
  });
});
