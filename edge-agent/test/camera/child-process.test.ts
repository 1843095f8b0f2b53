import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { describe, expect, it } from 'vitest';
import {
  ChildProcess,
  STDERR_LINE_CHARACTERS,
  STDERR_LINES,
  type ChildProcessOptions,
} from '../../src/camera/child-process.ts';
import { recordProcess, sweepOrphans } from '../../src/camera/process-record.ts';
import { cpuMsOf, rssBytesOf } from '../../src/camera/process-usage.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';

async function shell(script: string, more: Partial<ChildProcessOptions> = {}): Promise<ChildProcess> {
  const runDir = await temporaryFolder();
  const options = {
    path: '/bin/sh',
    args: ['-c', script],
    stdin: undefined,
    onOutput: {},
    runDir,
    clock: systemClock,
  };
  return new ChildProcess({ ...options, ...more });
}

// A zombie, which waits for its parent to ask for its exit code, does not run any more.
const isRunning = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('ChildProcess', () => {
  it('hands over each output pipe and tells how the process ended', async () => {
    const output = { 1: '', 3: '' };
    const onOutput = {
      1: (chunk: Buffer) => void (output[1] += chunk.toString()),
      3: (chunk: Buffer) => void (output[3] += chunk.toString()),
    };
    const child = await shell('cat; echo pictures >&3; exit 7', { stdin: 'video', onOutput });
    expect(await child.start()).toMatchObject({ code: 7, signal: null, spawnError: undefined });
    expect(output).toEqual({ 1: 'video', 3: 'pictures\n' });
    expect(child.pid).toBeUndefined();
  });

  it('keeps the last lines of standard error, without credentials', async () => {
    const child = await shell(
      'for i in $(seq 50); do echo "line $i of rtsp://admin:hunter2@cam/live" >&2; done; printf end >&2',
    );
    const { stderr } = await child.start();
    expect(stderr).toHaveLength(STDERR_LINES);
    expect(stderr.at(-1)).toBe('end');
    expect(stderr.at(-2)).toMatch(/^line 50 /);
    expect(stderr.join()).not.toContain('hunter2');
  });

  it('shows each line of it to who wants them, and keeps those that are not taken', async () => {
    const shown: string[] = [];
    const takeLogLine = (line: string): boolean => shown.push(line) > 0 && line.startsWith(' ');
    const child = await shell('echo "  taken: rtsp://u:hunter2@cam/" >&2; echo kept >&2', { takeLogLine });
    const { stderr } = await child.start();
    expect(shown).toEqual(['  taken: rtsp://***@cam/', 'kept']);
    expect(stderr).toEqual(['kept']);
  });

  const long = 'x'.repeat(375);
  const password = 'SuperSecretPassword';
  it.each([
    ['in one piece', `printf '%s rtsp://admin:${password}@cam/live' ${long} >&2`],
    [
      'in two pieces',
      `printf '%s rtsp://admin:SuperSecretPassw' ${long} >&2; sleep 0.2; echo 'ord@cam/live failed' >&2`,
    ],
    [
      'beyond what is held of an unfinished line',
      `printf 'rtsp://u:%01010d@cam ' 1 2 3 4 5 >&2; printf 'rtsp://admin:%05000d' 7 >&2; sleep 0.2; printf '@cam' >&2`,
    ],
  ])('hides a password across the cut of a long line, %s', async (_, script) => {
    const { stderr } = await (await shell(script)).start();
    expect(stderr.join()).not.toMatch(/SuperSecret|admin|0000/);
    expect(stderr.join()).toContain('rtsp://***');
    expect(stderr[0]!.length).toBeLessThanOrEqual(STDERR_LINE_CHARACTERS);
  });

  it('bounds a line that never ends', async () => {
    const child = await shell('head -c 300000 /dev/zero | tr "\\0" x >&2');
    const { stderr } = await child.start();
    expect(stderr.join('').length).toBeLessThan(1_000);
  });

  it('reports a program that does not exist as an end', async () => {
    const child = await shell('', { path: '/nonexistent/ffmpeg' });
    expect((await child.start()).spawnError).toContain('ENOENT');
    await child.close();
  });

  it('kills what does not heed the polite signal, with everything that it started', async () => {
    let grandchild = '';
    const onOutput = { 1: (chunk: Buffer) => void (grandchild += chunk.toString()) };
    const child = await shell('trap "" TERM; sleep 60 & echo $!; wait; sleep 60', {
      killAfterMs: 100,
      onOutput,
    });
    const exited = child.start();
    const pid = Number(await waitFor(() => grandchild || undefined, 'the grandchild'));
    await child.close();
    expect(await exited).toMatchObject({ signal: 'SIGKILL' });
    await waitFor(() => !isRunning(pid), 'the grandchild to end');
  });

  it('leaves a record while it runs and none afterwards', async () => {
    const runDir = await temporaryFolder();
    const child = await shell('sleep 60', { runDir });
    void child.start();
    expect(await readdir(runDir)).toEqual([`${child.pid}.capture.json`]);
    const pid = child.pid!;
    expect(rssBytesOf(pid)).toBeGreaterThan(0);
    await child.close();
    expect(await readdir(runDir)).toEqual([]);
    expect([rssBytesOf(pid), cpuMsOf(pid)]).toEqual([0, 0]);
  });
});

describe('sweepOrphans', () => {
  // An agent of its own that starts a capture and is then killed without a chance to clean up.
  async function orphan(runDir: string): Promise<number> {
    const script = `
      import { recordProcess } from '${import.meta.resolve('../../dist/camera/process-record.js')}';
      import { spawn } from 'node:child_process';
      const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
      recordProcess(${JSON.stringify(runDir)}, child.pid);
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const agent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    agent.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    const pid = Number(await waitFor(() => output.trim() || undefined, 'the capture to start'));
    const gone = new Promise((resolve) => agent.once('close', resolve));
    agent.kill('SIGKILL');
    await gone;
    return pid;
  }

  it('ends a capture that outlived its killed agent', async () => {
    const runDir = await temporaryFolder();
    const pid = await orphan(runDir);
    expect(isRunning(pid)).toBe(true);
    expect(await sweepOrphans({ runDir, logger: silentLogger })).toBe(1);
    await waitFor(() => !isRunning(pid), 'the orphan to end');
    expect(await readdir(runDir)).toEqual([]);
  });

  it('lets a stranger live who has the pid by now', async () => {
    const runDir = await temporaryFolder();
    const stranger = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    const dead = { pid: process.pid, startTicks: '1', bootId: 'another boot' };
    const path = join(runDir, `${stranger.pid}.capture.json`);
    await writeFile(path, JSON.stringify({ capture: { ...dead, pid: stranger.pid }, agent: dead }));
    expect(await sweepOrphans({ runDir, logger: silentLogger })).toBe(0);
    expect(isRunning(stranger.pid!)).toBe(true);
    expect(existsSync(path)).toBe(false);
    stranger.kill('SIGKILL');
  });

  it('leaves the captures of an agent that lives alone', async () => {
    const runDir = await temporaryFolder();
    const capture = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    const forget = recordProcess(runDir, capture.pid!);
    expect(await sweepOrphans({ runDir, logger: silentLogger })).toBe(0);
    expect(isRunning(capture.pid!)).toBe(true);
    forget();
    capture.kill('SIGKILL');
    expect(await readdir(runDir)).toEqual([]);
  });

  it('removes a record that cannot be read', async () => {
    const runDir = await temporaryFolder();
    await writeFile(join(runDir, '17.capture.json'), '{"capture":');
    expect(await sweepOrphans({ runDir, logger: silentLogger })).toBe(0);
    expect(await readdir(runDir)).toEqual([]);
  });

  it('finds nothing where nothing ever ran', async () => {
    expect(await sweepOrphans({ runDir: '/nonexistent', logger: silentLogger })).toBe(0);
  });
});
