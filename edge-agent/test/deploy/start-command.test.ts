// However it is started, the agent gets what keeps its memory small.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../bin/sitecast-agent.js', import.meta.url));
const NODE_OPTIONS = ['--max-semi-space-size=2', '--max-old-space-size=256'];
const VARIABLES = 'MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the command, the systemd unit and the image start node alike', () => {
  const options = NODE_OPTIONS.join(' ');
  expect(read('bin/sitecast-agent.js')).toContain(`#!/usr/bin/env -S ${VARIABLES} node ${options}\n`);
  const unit = read('deploy/sitecast-agent.service');
  expect(unit).toContain(`\nExecStart=/usr/bin/node ${options} `);
  expect(unit).toContain(`\nEnvironment=NODE_ENV=production ${VARIABLES}\n`);
  const image = read('Dockerfile');
  const quoted = NODE_OPTIONS.map((option) => `"${option}"`).join(', ');
  expect(image).toContain(`\nCMD ["node", ${quoted}, `);
  expect(image).toContain(`\nENV NODE_ENV=production ${VARIABLES}\n`);
});

test('the command can be run as it is', () => {
  expect(execFileSync(COMMAND, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
});
