import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findMemoryLimit } from '../../src/guard/memory-limit.ts';

describe('the memory limit', () => {
  it('is the configured one when there is one', async () => {
    expect(await findMemoryLimit(123, [])).toEqual({ bytes: 123, source: 'MEMORY_LIMIT_BYTES' });
  });

  it.each([
    ['cgroup v2', '1610612736\n', { bytes: 1_610_612_736, source: 'container' }],
    ['cgroup v2 without a limit', 'max\n', { bytes: totalmem(), source: 'machine' }],
    ['cgroup v1 without a limit', '9223372036854771712\n', { bytes: totalmem(), source: 'machine' }],
  ])('is read from %s', async (_name, content, expected) => {
    const folder = await mkdtemp(join(tmpdir(), 'sitecast-limit-'));
    try {
      await writeFile(join(folder, 'memory'), content);
      expect(await findMemoryLimit(undefined, [join(folder, 'missing'), join(folder, 'memory')])).toEqual(
        expected,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
