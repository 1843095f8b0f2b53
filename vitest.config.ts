import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The tests of the whole product take longest, and mostly wait: begun last they would be waited for with an idle machine. */
class WholeProductFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWhole = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/e2e/');
    const sorted = await super.sort(files);
    return [...sorted.filter(isWhole), ...sorted.filter((file) => !isWhole(file))];
  }
}

// Unit suites first. Suites that start real servers and encoders mostly wait, so four at a time keep two cores busy
// and their deadlines still mean something.
export default defineConfig({
  test: {
    sequence: { sequencer: WholeProductFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,edge-agent,server}/test/**/*.test.ts', 'server/web/test/**/*.test.ts'],
          exclude: ['**/integration/**', '**/e2e/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{shared,edge-agent,server}/test/{integration,e2e}/**/*.test.ts'],
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
