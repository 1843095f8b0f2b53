import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setImmediate as loopOnce, setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { describe, expect, it } from 'vitest';
import { BATCH_MAX_MS, OutputReader } from '../../src/camera/output-reader.ts';
import { ManualClock } from '../support.ts';

function setUp(): { stream: PassThrough; clock: ManualClock; taken: string[]; reader: OutputReader } {
  const stream = new PassThrough({ highWaterMark: 256 * 1024 });
  const clock = new ManualClock();
  const taken: string[] = [];
  const take = (chunk: Buffer): void => void taken.push(chunk.toString());
  return { stream, clock, taken, reader: new OutputReader({ stream, take, clock }) };
}

async function write(stream: PassThrough, text: string): Promise<void> {
  stream.write(text);
  await loopOnce();
}

describe('OutputReader', () => {
  it('takes each chunk when it comes', async () => {
    const { stream, taken } = setUp();
    await write(stream, 'one');
    await write(stream, 'two');
    expect(taken).toEqual(['one', 'two']);
  });

  it('at rest takes what has come as one batch', async () => {
    const { stream, clock, taken, reader } = setUp();
    reader.rest();
    await write(stream, 'one');
    await write(stream, 'two');
    expect(taken).toEqual([]);
    clock.advance(BATCH_MAX_MS);
    expect(taken).toEqual(['onetwo']);
  });

  it('takes what has come as soon as it attends again', async () => {
    const { stream, clock, taken, reader } = setUp();
    reader.rest();
    await write(stream, 'one');
    reader.attend();
    await write(stream, 'two');
    expect(taken.join('')).toBe('onetwo');
    clock.advance(10 * BATCH_MAX_MS);
    expect(taken.join('')).toBe('onetwo');
  });

  it('looks in more often where a batch brings much, so that the process never waits', async () => {
    const { stream, clock, taken, reader } = setUp();
    reader.rest();
    await write(stream, 'x'.repeat(64 * 1024));
    clock.advance(BATCH_MAX_MS);
    await write(stream, 'one');
    clock.advance(BATCH_MAX_MS / 10);
    expect(taken.at(-1)).toBe('one');
  });

  it('does not look at a stream that is gone', async () => {
    const { stream, clock, taken, reader } = setUp();
    reader.rest();
    stream.destroy();
    await once(stream, 'close');
    clock.advance(10 * BATCH_MAX_MS);
    reader.rest();
    clock.advance(10 * BATCH_MAX_MS);
    expect(taken).toEqual([]);
  });

  it('may be asked to attend or rest while it takes', async () => {
    const { stream, clock } = setUp();
    const taken: string[] = [];
    const reader: OutputReader = new OutputReader({
      stream,
      clock,
      take: (chunk) => {
        taken.push(chunk.toString());
        if (taken.length % 2 === 0) reader.attend();
        else reader.rest();
      },
    });
    for (const text of ['one', 'two', 'three', 'four']) {
      await write(stream, text);
      clock.advance(BATCH_MAX_MS);
    }
    expect(taken).toEqual(['one', 'two', 'three', 'four']);
  });

  it('takes what a process wrote last, when it ends at rest', async () => {
    const child = spawn('seq', ['1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    const reader = new OutputReader({
      stream: child.stdout,
      take: (chunk) => void (text += chunk.toString()),
      clock: new ManualClock(),
    });
    reader.rest();
    await once(child, 'close');
    expect(text).toMatch(/^1\n2\n[^]*\n999\n1000\n$/);
  });

  it('loses nothing of a process that writes more than a pipe holds, however often it changes', async () => {
    const lines = 200_000;
    const child = spawn('seq', [String(lines)], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    const take = (chunk: Buffer): void => void (text += chunk.toString());
    const reader = new OutputReader({ stream: child.stdout, take, clock: systemClock });
    const isOver = once(child, 'close').then(() => true);
    for (let turn = 0; !(await Promise.race([isOver, pause(3, false)])); turn += 1) {
      if (turn % 2 === 0) reader.rest();
      else reader.attend();
    }
    expect(text.split('\n')).toEqual([...Array.from({ length: lines }, (_, index) => String(index + 1)), '']);
  });
});
