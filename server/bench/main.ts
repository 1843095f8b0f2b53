// `npm run bench -- NAME [options]`. Without a name it lists what there is.

import { parseArgs } from 'node:util';
import { box } from './box/box.ts';
import { edge } from './edge/edge.ts';
import { Unavailable } from './harness/unavailable.ts';
import { oldDesign } from './old-design/old-design.ts';
import type { BenchOptions } from './options.ts';
import { relay } from './relay/relay.ts';
import { smoke } from './smoke.ts';
import { soak } from './soak/soak.ts';
import { timeline } from './timeline/timeline.ts';
import { telemetry } from './telemetry/telemetry.ts';
import { uplink } from './uplink/uplink.ts';
import { year } from './year/year.ts';

interface Bench {
  says: string;
  run: (options: BenchOptions) => Promise<void>;
}

const BENCHES: Record<string, Bench> = {
  smoke: {
    says: 'CPU and memory of server, agent and ffmpeg with 0, 1 and 5 streams, 1 to 20 viewers',
    run: smoke,
  },
  relay: {
    says: 'relaying 5 streams beside a bare ws broadcaster and Mosquitto [--viewers 50,200] [--rounds 3]; --slopes: memory for each viewer, stream, connection',
    run: relay,
  },
  'old-design': {
    says: 'relaying 1, 2 and 5 streams beside the old design, an ffmpeg on the server for each stream [--size 1080] [--rounds 3]',
    run: oldDesign,
  },
  edge: {
    says: 'CPU and memory of the agent with 1, 4 and 8 cameras passed through, beside plain ffmpeg copying; low and mpeg1 [--size 1080] [--rounds 3]',
    run: edge,
  },
  soak: {
    says: 'the agent for 20 minutes with four cameras, one of them flapping, one with a wrong password, and an uplink that is cut three times',
    run: soak,
  },
  box: {
    says: 'the server in 1.5 GiB of memory: a normal day, then five times that with hostile clients; then the old design [--without-old] [--size 1080]; needs root',
    run: box,
  },
  telemetry: {
    says: 'rows a second through MQTT into PostgreSQL, rolled up, beside one client that only inserts and one that only copies [--rounds 3]',
    run: telemetry,
  },
  uplink: {
    says: 'a camera of 3 Mbit/s behind a line of 1 Mbit/s: status round trip, live latency, the step down, and the way back',
    run: uplink,
  },
  timeline: {
    says: 'GET timeline on a generated year of pictures, events and outages of 16 cameras, from a year to ten seconds',
    run: timeline,
  },
  year: {
    says: 'curves and timeline at any zoom on a year of 200 series, one value a minute; the drop of a day; PostgreSQL in 512 MiB [--days 365 | --rows N] [--data-dir DIR]',
    run: year,
  },
};

const EXIT_USAGE = 64;
const EXIT_UNAVAILABLE = 69;
const EXIT_INTERRUPTED = 130;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    viewers: { type: 'string' },
    slopes: { type: 'boolean', default: false },
    size: { type: 'string', default: '720' },
    'without-old': { type: 'boolean', default: false },
    days: { type: 'string' },
    rows: { type: 'string' },
    'data-dir': { type: 'string' },
  },
});
const [name] = positionals;
const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const bench = name === undefined ? undefined : BENCHES[name];

/** What was started is stopped by the code that started it, once its wait is over. */
async function runBench(title: string, { run }: Bench): Promise<void> {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupt.abort());
  try {
    await run({
      json: values.json,
      seconds: numberOf(values.seconds),
      rounds: Number(values.rounds),
      viewers: values.viewers?.split(',').map(Number),
      slopes: values.slopes,
      size: values.size === '1080' ? 1080 : 720,
      withoutOld: values['without-old'],
      days: numberOf(values.days),
      rows: numberOf(values.rows),
      dataDir: values['data-dir'],
      signal: interrupt.signal,
    });
  } catch (error) {
    if (interrupt.signal.aborted) process.exitCode = EXIT_INTERRUPTED;
    else if (error instanceof Unavailable) {
      console.error(`${title}: ${error.message}; nothing was measured`);
      process.exitCode = EXIT_UNAVAILABLE;
    } else throw error;
  }
}

if (name !== undefined && bench) {
  await runBench(name, bench);
} else {
  console.log('npm run bench -- NAME [--json] [--seconds N]\n');
  for (const [title, { says }] of Object.entries(BENCHES)) console.log(`  ${title.padEnd(10)} ${says}`);
  process.exitCode = name === undefined ? 0 : EXIT_USAGE;
}
