// The unit that gateways run: systemd takes it, nothing in it is misspelt, and it shuts the agent in.

import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { temporaryFolder } from '../support.ts';

const UNIT = fileURLToPath(new URL('../../deploy/sitecast-agent.service', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../bin/sitecast-agent.js', import.meta.url));
const AS_INSTALLED =
  '/usr/bin/node --max-semi-space-size=2 --max-old-space-size=256 /opt/sitecast/edge-agent/dist/main.js';
/** Of 100; a unit without any restriction has 96. */
const EXPOSURE_MAX = 20;

async function unitOfThisMachine(): Promise<string> {
  const text = await readFile(UNIT, 'utf8');
  expect(text).toContain(`ExecStart=${AS_INSTALLED} run --config /etc/sitecast/agent.yaml\n`);
  // What the agent does with it: test/integration/reload.test.ts.
  expect(text).toContain('ExecReload=/bin/kill -HUP $MAINPID\n');
  const path = join(await temporaryFolder(), 'sitecast-agent.service');
  await writeFile(path, text.replace(AS_INSTALLED, `${process.execPath} ${PROGRAM}`));
  return path;
}

function analyze(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

describe.skipIf(!requireTool('systemd-analyze', 'it reads the unit of the agent'))('the systemd unit', () => {
  test('is taken without a word', async () => {
    expect(analyze('verify', '--man=no', await unitOfThisMachine())).toEqual({ status: 0, output: '' });
  });

  test('a misspelt key would be told', async () => {
    const path = await unitOfThisMachine();
    await writeFile(path, (await readFile(path, 'utf8')).replace('ProtectHome', 'ProtectHouse'));
    expect(analyze('verify', '--man=no', path).output).toMatch(/Unknown key( name)? 'ProtectHouse'/);
  });

  test('leaves the agent little of the machine', async () => {
    const threshold = `--threshold=${EXPOSURE_MAX}`;
    const { status, output } = analyze(
      'security',
      '--offline=true',
      '--no-pager',
      threshold,
      await unitOfThisMachine(),
    );
    expect(status, output).toBe(0);
  });
});
