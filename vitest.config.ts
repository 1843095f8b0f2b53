import { defineConfig } from 'vitest/config';

// Unit suites first. Suites that start real servers and encoders mostly wait, so three at a time keep two cores busy
// and their deadlines still mean something.
export default defineConfig({
  test: {
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
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
