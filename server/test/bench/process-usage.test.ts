import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cpuSecondsOfTree, usageOf } from '../../bench/harness/process-usage.ts';

/** Some tenths of a second. */
const WORK = 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done';

describe('the CPU of a process and all that it started', () => {
  it('holds what a child has used that ended meanwhile', async () => {
    const parent = spawn('sh', ['-c', `sh -c '${WORK}'; echo ended; read line`], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    onTestFinished(() => void parent.stdin.end());
    const before = cpuSecondsOfTree(parent.pid!);
    await once(parent.stdout, 'data');
    const own = usageOf([parent.pid!]).cpuSeconds;
    expect(cpuSecondsOfTree(parent.pid!) - before).toBeGreaterThan(own + 0.03);
  });
});
