import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFile } from '../../src/standalone/log-file.ts';
import { SupervisedProcess, type ProcessExit } from '../../src/standalone/supervised-process.ts';
import { waitFor } from '../support/wait-for.ts';

describe('a supervised process', () => {
  let dir: string;
  let log: LogFile;
  let child: SupervisedProcess;
  let pids: number[];
  let exits: ProcessExit[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sitecast-supervised-'));
    log = new LogFile(join(dir, 'child.log'));
    pids = [];
    exits = [];
  });
  afterEach(async () => {
    await child.close();
    log.close();
    rmSync(dir, { recursive: true });
  });

  function run(script: string): void {
    const path = join(dir, 'child.mjs');
    writeFileSync(path, script);
    child = new SupervisedProcess({
      argv: [path],
      env: process.env,
      log,
      stopGraceMs: 1_000,
      onStart: (pid) => pids.push(pid),
      onUnexpectedExit: (exit) => exits.push(exit),
    });
    child.start();
  }

  it('is started again after it was killed, until it is closed', async () => {
    run('process.stderr.write("up\\n"); setInterval(() => {}, 1000);');
    await waitFor('its first words', () => log.tail().includes('up'));
    process.kill(pids[0]!, 'SIGKILL');
    await waitFor('the second one', () => pids.length === 2);
    expect(exits).toEqual([{ code: null, signal: 'SIGKILL' }]);
    await child.close();
    expect(() => process.kill(pids[1]!, 0)).toThrow();
    expect(exits).toHaveLength(1);
  });

  it('is killed when it does not answer a SIGTERM', async () => {
    run('process.on("SIGTERM", () => {}); process.stderr.write("deaf\\n"); setInterval(() => {}, 1000);');
    await waitFor('its first words', () => log.tail().includes('deaf'));
    await child.close();
    expect(() => process.kill(pids[0]!, 0)).toThrow();
  });

  it('is not started again when it is closed between two starts', async () => {
    run('process.exit(3)');
    await waitFor('its end', () => exits.length === 1);
    await child.close();
    await delay(1_200);
    expect(pids).toHaveLength(1);
  });

  it('keeps its log short, and the newest lines in it', async () => {
    writeFileSync(log.path, 'x'.repeat(6 * 1024 * 1024));
    const shorter = new LogFile(log.path);
    shorter.close();
    expect(readFileSync(log.path).length).toBe(0);
    expect(readFileSync(`${log.path}.1`).length).toBe(6 * 1024 * 1024);
    run('process.stderr.write("after\\n")');
    await waitFor('the line', () => log.tail() === 'after');
  });
});
