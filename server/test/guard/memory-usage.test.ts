import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readMemoryUsage } from '../../src/guard/memory-usage.ts';

const MIB = 1024 ** 2;

async function kernelFiles(files: Record<string, string>) {
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-memory-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  return { cgroup: dir, pressure: [join(dir, 'memory.pressure'), join(dir, 'proc-pressure')] };
}

describe('memory in use', () => {
  it('of a v2 container is without the page cache that may be dropped', async () => {
    const files = await kernelFiles({
      'memory.current': `${300 * MIB}\n`,
      'memory.stat': `anon ${100 * MIB}\nfile ${180 * MIB}\ninactive_file ${150 * MIB}\n`,
    });
    expect((await readMemoryUsage(true, files)).usedBytes).toBe(150 * MIB);
  });

  it('of a v1 container too', async () => {
    const files = await kernelFiles({
      'memory/memory.usage_in_bytes': `${300 * MIB}\n`,
      'memory/memory.stat': `inactive_file ${10 * MIB}\ntotal_inactive_file ${100 * MIB}\n`,
    });
    expect((await readMemoryUsage(true, files)).usedBytes).toBe(200 * MIB);
  });

  it('is that of the process where the limit is not the container’s, or the kernel does not tell', async () => {
    const files = await kernelFiles({ 'memory.current': '1\n' });
    for (const usage of [
      await readMemoryUsage(false, files),
      await readMemoryUsage(true, await kernelFiles({})),
    ]) {
      expect(usage.usedBytes).toBe(usage.rssBytes);
      expect(usage.rssBytes).toBeGreaterThan(10 * MIB);
      expect(usage.heapUsedBytes).toBeLessThan(usage.heapLimitBytes);
    }
  });

  it('comes with the share of time in which a task waited for memory', async () => {
    const psi =
      'some avg10=12.50 avg60=3.00 avg300=1.00 total=99\nfull avg10=2.00 avg60=0.00 avg300=0.00 total=9\n';
    expect((await readMemoryUsage(false, await kernelFiles({ 'proc-pressure': psi }))).stalled).toBe(0.125);
    expect((await readMemoryUsage(false, await kernelFiles({}))).stalled).toBe(0);
  });
});
