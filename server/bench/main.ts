// `npm run bench -- NAME [--json] [--seconds N]`. Without a name it lists what there is.

import { parseArgs } from 'node:util';
import type { BenchOptions } from './options.ts';
import { smoke } from './smoke.ts';

interface Bench {
  says: string;
  run(options: BenchOptions): Promise<void>;
}

const BENCHES: Record<string, Bench> = {
  smoke: {
    says: 'CPU and memory of server, agent and ffmpeg with 0, 1 and 5 streams, 1 to 20 viewers',
    run: smoke,
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '10' } },
});
const [name] = positionals;
const bench = name === undefined ? undefined : BENCHES[name];

if (bench) {
  await bench.run({ json: values.json, seconds: Number(values.seconds) });
} else {
  console.log('npm run bench -- NAME [--json] [--seconds N]\n');
  for (const [title, { says }] of Object.entries(BENCHES)) console.log(`  ${title.padEnd(10)} ${says}`);
  process.exitCode = name === undefined ? 0 : 64;
}
