import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { totalmem, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ControlGroupPaths } from '../../src/guard/control-group.ts';
import { findMemoryLimit } from '../../src/guard/memory-limit.ts';

const [MIB_512, MIB_1536] = [512 * 1024 ** 2, 1536 * 1024 ** 2];
const UNLIMITED_V1 = '9223372036854771712\n';
const MACHINE = { bytes: totalmem(), source: 'machine' };

/** Files of the kernel by their path below the mount, and what it says of this process. */
async function kernel(own: string, files: Record<string, string>): Promise<ControlGroupPaths> {
  const root = await mkdtemp(join(tmpdir(), 'sitecast-limit-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [name, text] of Object.entries({ ...files, own })) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return { root, own: join(root, 'own') };
}

describe('the memory limit', () => {
  it('is the machine’s where no group has one, and where there are none', async () => {
    expect(await findMemoryLimit(undefined, await kernel('0::/\n', { 'memory.max': 'max\n' }))).toEqual(
      MACHINE,
    );
    expect(
      await findMemoryLimit(
        undefined,
        await kernel('4:memory:/\n', { 'memory/memory.limit_in_bytes': UNLIMITED_V1 }),
      ),
    ).toEqual(MACHINE);
    expect(await findMemoryLimit(undefined, await kernel('', {}))).toEqual(MACHINE);
  });

  it.each([
    ['a v2 container, which sees its own group as the top', '0::/\n', 'memory.max'],
    ['a v2 service', '0::/system.slice/sitecast.service\n', 'system.slice/sitecast.service/memory.max'],
    ['what is around a v2 service', '0::/small.slice/a.service\n', 'small.slice/memory.max'],
    ['a v1 group', '7:cpu:/\n4:memory:/box\n', 'memory/box/memory.limit_in_bytes'],
    ['a v1 container, told the path of its host', '4:memory:/docker/0123\n', 'memory/memory.limit_in_bytes'],
    ['a group that is named from outside', '0::/../../other\n', 'memory.max'],
  ])('is that of %s', async (_, own, file) => {
    const found = await findMemoryLimit(undefined, await kernel(own, { [file]: `${MIB_1536}\n` }));
    expect(found).toMatchObject({ bytes: MIB_1536, source: 'container' });
    expect(found.group?.usageFile).toContain(dirname(file));
  });

  it('is the least of the groups that are around one another', async () => {
    const paths = await kernel('0::/outer/inner\n', {
      'outer/memory.max': `${MIB_512}\n`,
      'outer/inner/memory.max': `${MIB_1536}\n`,
    });
    const { bytes, group } = await findMemoryLimit(undefined, paths);
    expect(bytes).toBe(MIB_512);
    expect(group?.usageFile).toBe(join(paths.root, 'outer/memory.current'));
  });

  it('is the configured one, unless less is granted', async () => {
    const paths = await kernel('0::/\n', { 'memory.max': `${MIB_512}\n` });
    expect(await findMemoryLimit(123, paths)).toEqual({ bytes: 123, source: 'MEMORY_LIMIT_BYTES' });
    expect(await findMemoryLimit(MIB_1536, paths)).toMatchObject({ bytes: MIB_512, source: 'container' });
  });
});
