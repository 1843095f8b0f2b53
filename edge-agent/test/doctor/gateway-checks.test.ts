import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MIB } from '@sitecast/shared/protocol/limits';
import { parseAgentYaml } from '../../src/config-file.ts';
import { checkDisk } from '../../src/doctor/gateway-checks.ts';
import { temporaryFolder } from '../support.ts';

async function look(freeBytes: number, clips = ''): ReturnType<typeof checkDisk> {
  const dataDir = await temporaryFolder();
  await mkdir(join(dataDir, 'spool'));
  await writeFile(join(dataDir, 'spool', '1.segment'), Buffer.alloc(2 * MIB));
  const text = `site: demo
agent: gateway
dataDir: ${dataDir}
uplink: { url: "mqtt://h", mediaUrl: "mqtt://h" }
spool: { maxBytes: ${34 * MIB} }
${clips}`;
  return checkDisk(parseAgentYaml(text, 'x'), async () => freeBytes);
}

test('A disk that is nearly full: what is still needed is told apart from what the system should have', async () => {
  expect(await look(100 * MIB)).toMatchObject({
    state: 'warning',
    text: expect.stringContaining('100 MiB free in ') as string,
    advice:
      'the spool may still need 32 MiB, and 256 MiB should be left to the system: make room, or lower "spool.maxBytes"',
  });
  const clips = `clips: { maxBytes: ${1 * MIB}, quotaBytes: ${2 * MIB} }`;
  expect(await look(100 * MIB, clips)).toMatchObject({
    advice: expect.stringMatching(
      /^the spool may still need 32 MiB and clips 2 MiB, and 256 MiB should be left to the system: /,
    ) as string,
  });
});

test('A disk with room for all of it is well', async () => {
  expect((await look((32 + 256) * MIB)).state).toBe('ok');
  expect((await look((32 + 256) * MIB - 1)).state).toBe('warning');
});
