import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tightestMemoryGroup } from '../../src/guard/control-group.ts';
import { readMemoryUsage } from '../../src/guard/memory-usage.ts';

const MIB = 1024 ** 2;

async function kernelFiles(own: string, files: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), 'sitecast-memory-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [name, text] of Object.entries({ ...files, own })) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return { group: await tightestMemoryGroup({ root, own: join(root, 'own') }), root };
}

describe('memory in use', () => {
  it('of a v2 container is without the page cache that may be dropped, whether it was used of late or not', async () => {
    const { group } = await kernelFiles('0::/\n', {
      'memory.max': `${400 * MIB}\n`,
      'memory.current': `${300 * MIB}\n`,
      'memory.stat': `anon ${100 * MIB}\nfile ${180 * MIB}\ninactive_file ${100 * MIB}\nactive_file ${50 * MIB}\n`,
    });
    expect((await readMemoryUsage(group)).usedBytes).toBe(150 * MIB);
  });

  it('of a v1 container too', async () => {
    const { group } = await kernelFiles('4:memory:/\n', {
      'memory/memory.limit_in_bytes': `${400 * MIB}\n`,
      'memory/memory.usage_in_bytes': `${300 * MIB}\n`,
      'memory/memory.stat': `inactive_file ${10 * MIB}\ntotal_inactive_file ${60 * MIB}\ntotal_active_file ${40 * MIB}\n`,
    });
    expect((await readMemoryUsage(group)).usedBytes).toBe(200 * MIB);
  });

  it('is that of the process where the limit is not the container’s, or the kernel does not tell', async () => {
    const { group } = await kernelFiles('0::/\n', { 'memory.max': '1\n' });
    for (const usage of [await readMemoryUsage(undefined), await readMemoryUsage(group)]) {
      expect(usage.usedBytes).toBe(usage.rssBytes);
      expect(usage.rssBytes).toBeGreaterThan(10 * MIB);
      expect(usage.heapUsedBytes).toBeLessThan(usage.heapLimitBytes);
    }
  });

  it('comes with the share of time in which a task waited for memory', async () => {
    const psi =
      'some avg10=12.50 avg60=3.00 avg300=1.00 total=99\nfull avg10=2.00 avg60=0.00 avg300=0.00 total=9\n';
    const { group, root } = await kernelFiles('0::/\n', {
      'memory.max': '1\n',
      'memory.pressure': psi,
      machine: psi,
    });
    expect((await readMemoryUsage(group, join(root, 'missing'))).stalled).toBe(0.125);
    expect((await readMemoryUsage(undefined, join(root, 'machine'))).stalled).toBe(0.125);
    expect((await readMemoryUsage(undefined, join(root, 'missing'))).stalled).toBe(0);
  });
});
