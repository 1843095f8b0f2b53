// What one more viewer, stream or MQTT connection costs in memory: PSS of our server after a collection, least squares
// through four sizes.

import { fileURLToPath } from 'node:url';
import { LoadProcess } from '../harness/load-process.ts';
import { usageOf } from '../harness/process-usage.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import { round, slopeOf } from '../harness/statistics.ts';
import { pause } from '../harness/wait.ts';
import type { BenchOptions } from '../options.ts';
import { envFor, FIVE_BY_TWO, viewersOf } from './subjects.ts';

const GC_ON_SIGNAL = fileURLToPath(new URL('../harness/gc-on-signal.js', import.meta.url));
const KIB = 1024;
const SETTLE_SECONDS = 5;
/** What V8 frees it gives back to the system bit by bit. */
const COLLECTIONS = 4;
/** Each may hold this many connections at once. */
const CONNECTIONS_PER_SENSOR = 8;
const SIZES = { viewers: [50, 100, 150, 200], streams: [2, 4, 6, 8], connections: [100, 200, 300, 400] };

interface Slope {
  of: string;
  kibEach: number;
  targetKib: number;
  points: { x: number; y: number }[];
}

export async function measureSlopes(options: BenchOptions, log: (line: string) => void): Promise<void> {
  await using server = await SitecastServer.start({
    nodeArgs: ['--expose-gc', '--import', GC_ON_SIGNAL],
    env: { ...envFor(250), MAX_STREAMS: '8' },
  });
  const login = await server.createDevice('gateway', 'agent');
  const bench = new SlopeBench(server, login, options.signal);
  const slopes = [
    await bench.fit('MQTT connection', 32, SIZES.connections, (size) => bench.withConnections(size)),
    await bench.fit('viewer (5 streams)', 64, SIZES.viewers, (size) => bench.withViewers(size, 5)),
    await bench.fit('stream (8 viewers in all)', KIB, SIZES.streams, (size) => bench.withViewers(8, size)),
  ];
  if (options.json) return console.log(JSON.stringify({ slopes }, undefined, 2));
  log('Memory of our server (PSS, KiB, after a collection), least squares through four sizes.\n');
  console.table(
    slopes.map(({ points, ...slope }) => ({ ...slope, points: textOf(points), isMet: metText(slope) })),
  );
}

class SlopeBench {
  readonly #server: SitecastServer;
  readonly #login: { id: string; secret: string };
  readonly #signal: AbortSignal;

  constructor(server: SitecastServer, login: { id: string; secret: string }, signal: AbortSignal) {
    this.#server = server;
    this.#login = login;
    this.#signal = signal;
  }

  async fit(
    of: string,
    targetKib: number,
    sizes: number[],
    measure: (size: number) => Promise<number>,
  ): Promise<Slope> {
    // The first load of its kind also pays for code and buffers that stay; it is not the price of one more.
    await measure(sizes[0]!);
    const points = [];
    // Upwards: memory that was needed once is used again, so that going down would show no slope at all.
    for (const x of sizes) points.push({ x, y: round((await measure(x)) / KIB, 0) });
    return { of, targetKib, points, kibEach: round(slopeOf(points), 1) };
  }

  async withViewers(viewers: number, streams: number): Promise<number> {
    const { dataPort, mediaPort } = this.#server;
    const shape = { ...FIVE_BY_TWO, streams };
    await using _agent = await LoadProcess.start('sitecast-agent', {
      dataPort,
      mediaPort,
      login: this.#login,
      shape,
    });
    await using _viewers = await LoadProcess.start('viewers', {
      ...viewersOf(this.#server),
      viewers,
      streams,
    });
    return this.#pss();
  }

  async withConnections(connections: number): Promise<number> {
    const numbers = Array.from({ length: Math.ceil(connections / CONNECTIONS_PER_SENSOR) }, (_, i) => i);
    const logins = [];
    for (const number of numbers)
      logins.push(await this.#server.createDevice(`s${connections}-${number}-${Date.now()}`, 'sensor'));
    const port = this.#server.dataPort;
    await using _sensors = await LoadProcess.start('sensor-connections', { port, logins, connections });
    return this.#pss();
  }

  async #pss(): Promise<number> {
    await pause(SETTLE_SECONDS, this.#signal);
    for (let i = 0; i < COLLECTIONS; i += 1) {
      this.#server.program.signal('SIGUSR2');
      await pause(1, this.#signal);
    }
    return usageOf(this.#server.program.pids).pssBytes;
  }
}

function textOf(points: { x: number; y: number }[]): string {
  return points.map(({ x, y }) => `${x}: ${y}`).join(', ');
}

function metText({ kibEach, targetKib }: Omit<Slope, 'points'>): string {
  return kibEach <= targetKib ? 'met' : 'NOT MET';
}
