// However it is started, the agent gets what keeps its memory small.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../bin/sitecast-agent.js', import.meta.url));
const NODE_OPTION = '--max-semi-space-size=2';
const VARIABLE = 'MALLOC_ARENA_MAX=2';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the command, the systemd unit and the image start node alike', () => {
  expect(read('bin/sitecast-agent.js')).toContain(`#!/usr/bin/env -S ${VARIABLE} node ${NODE_OPTION}\n`);
  expect(read('deploy/sitecast-agent.service')).toMatch(
    new RegExp(`^ExecStart=/usr/bin/node ${NODE_OPTION} `, 'm'),
  );
  expect(read('deploy/sitecast-agent.service')).toMatch(new RegExp(`^Environment=.*\\b${VARIABLE}$`, 'm'));
  expect(read('Dockerfile')).toMatch(new RegExp(`^CMD \\["node", "${NODE_OPTION}", `, 'm'));
  expect(read('Dockerfile')).toMatch(new RegExp(`^ENV .*\\b${VARIABLE}$`, 'm'));
});

test('the command can be run as it is', () => {
  expect(execFileSync(COMMAND, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
});
