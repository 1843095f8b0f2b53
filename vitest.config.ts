import { defineConfig } from 'vitest/config';

// Unit suites share the cores; suites that start real servers and encoders run one file at a time, so that
// their deadlines mean something on two cores.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,edge-agent,server}/test/**/*.test.ts', 'server/web/test/**/*.test.ts'],
          exclude: ['**/integration/**', '**/e2e/**'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{shared,edge-agent,server}/test/{integration,e2e}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
