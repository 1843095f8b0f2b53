import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { FragmentWriter, WRITER_MAX_BYTES } from '../../../src/camera/encoder/fragment-writer.ts';
import { ManualClock } from '../../support.ts';
import { fragmentsOf } from './samples.ts';

class Sink extends EventEmitter {
  isFull = false;
  readonly taken: number[] = [];

  write(bytes: Uint8Array): boolean {
    this.taken.push(bytes[0]!);
    return !this.isFull;
  }

  drain(): void {
    this.isFull = false;
    this.emit('drain');
  }
}

function setUp(): { sink: Sink; clock: ManualClock; writer: FragmentWriter; written: number[] } {
  const [sink, clock, written] = [new Sink(), new ManualClock(), [] as number[]];
  const onWrite = ({ sequence }: { sequence: number }): void => void written.push(sequence);
  return { sink, clock, written, writer: new FragmentWriter({ sink: sink as never, clock, onWrite }) };
}

describe('FragmentWriter', () => {
  it('starts with a keyframe', () => {
    const { writer, sink } = setUp();
    for (const fragment of fragmentsOf('ppKpp')) writer.push(fragment);
    expect(sink.taken).toEqual([2, 3, 4]);
    expect(writer.fragmentsDropped).toBe(2);
  });

  it('writes nothing more while the process does not read, and goes on where it was', () => {
    const { writer, sink, written } = setUp();
    sink.isFull = true;
    for (const fragment of fragmentsOf('Kppp')) writer.push(fragment);
    expect(sink.taken).toEqual([0]);
    sink.drain();
    expect([sink.taken, written]).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ]);
    expect(writer.fragmentsDropped).toBe(0);
  });

  it('goes on at the newest keyframe when the process is too slow', () => {
    const { writer, sink, clock } = setUp();
    sink.isFull = true;
    for (const fragment of fragmentsOf('KppKpKpp')) {
      writer.push(fragment);
      clock.advance(1_000);
    }
    sink.drain();
    expect(sink.taken).toEqual([0, 5, 6, 7]);
    expect(writer.fragmentsDropped).toBe(4);
  });

  it('waits for the next keyframe when none is among what came too late', () => {
    const { writer, sink } = setUp();
    sink.isFull = true;
    const [first, ...rest] = fragmentsOf('KppppKp', undefined, WRITER_MAX_BYTES / 3);
    writer.push(first!);
    for (const fragment of rest) writer.push(fragment);
    sink.drain();
    expect(sink.taken).toEqual([0, 5, 6]);
    expect(writer.fragmentsDropped).toBe(4);
  });

  it('leaves out what does not follow the start of a GOP that was longer than the ring', () => {
    const { writer, sink } = setUp();
    const fragments = fragmentsOf('KppppKp');
    for (const fragment of fragments.slice(0, 2)) writer.push(fragment, fragment !== fragments[1]);
    for (const fragment of fragments.slice(4)) writer.push(fragment);
    expect(sink.taken).toEqual([0, 1, 5, 6]);
  });
});
