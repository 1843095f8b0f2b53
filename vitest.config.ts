import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, by much: such a file that begins last runs alone. */
const LONGEST = [
  ...[
    'e2e/slow-uplink',
    'integration/leaks',
    'e2e/launcher',
    'e2e/crash',
    'integration/agent',
    'integration/probe',
  ],
  ...[
    'integration/encoder-lives',
    'integration/changing-cameras',
    'integration/odd-cameras',
    'e2e/camera-password',
  ],
];
const ORDER = [...LONGEST.map((name) => `/test/${name}`), '/e2e/', '/integration/'];

/** What takes longest mostly waits, too: begun last it would be waited for with an idle machine. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = ORDER.findIndex((folder) => moduleId.includes(folder));
      return index < 0 ? ORDER.length : index;
    };
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['{shared,edge-agent,server}/test/**/*.test.ts', 'server/web/test/**/*.test.ts'],
    globalSetup: ['server/test/support/run-postgres.ts', 'edge-agent/test/integration/recordings-of-run.ts'],
    sequence: { sequencer: LongestFirst },
    // Every suite leaves its process as it found it, so that six serve all of them: a process of its own costs a file half a
    // second of imports, with the whole server two.
    isolate: false,
    // Suites that start real servers and encoders mostly wait, so six at a time keep two cores busy. Together they take 5 GB.
    maxWorkers: 6,
    // Patience, not a target (`npm run bench` has those): a machine that is busy, or that stands still for a while, fails no test.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
