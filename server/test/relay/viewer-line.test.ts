import { describe, expect, it } from 'vitest';
import { ViewerLine } from '../../src/relay/viewer-line.ts';
import { ManualClock } from '../support/manual-clock.ts';

function createLine({ maxWaiting = 10, letInAtOnce = 1 } = {}) {
  const clock = new ManualClock();
  const line = new ViewerLine({ maxWaiting, letInAtOnce, intervalMs: 1_000, retryAfterMs: 5_000, clock });
  const places: Record<string, number[]> = {};
  const entered: string[] = [];
  const gone = new Map<string, AbortController>();
  /** `alice-1` is the first viewer of alice. */
  const come = (name: string): Promise<void> => {
    const controller = new AbortController();
    gone.set(name, controller);
    const told = (places[name] = [] as number[]);
    const passing = line.pass({
      userId: name.split('-')[0] as string,
      onPlace: (place) => told.push(place),
      closed: controller.signal,
    });
    passing.then(
      () => entered.push(name),
      () => undefined,
    );
    return passing;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, line, places, entered, come, settle, leave: (name: string) => gone.get(name)?.abort() };
}

describe('the line of viewers', () => {
  it('holds nobody up while the server is well', async () => {
    const { come, places } = createLine();
    await come('alice-1');
    expect(places['alice-1']).toEqual([]);
  });

  it('lets in a few at a time, first come first served, and tells places as they change', async () => {
    const { line, clock, come, entered, places, settle } = createLine();
    line.hold();
    for (const name of ['alice-1', 'bob-1', 'carol-1']) void come(name);
    expect(places).toEqual({ 'alice-1': [1], 'bob-1': [2], 'carol-1': [3] });
    line.release();
    await settle();
    expect(entered).toEqual(['alice-1']);
    expect(places['carol-1']).toEqual([3, 2]);
    clock.advance(1_000);
    await settle();
    expect(entered).toEqual(['alice-1', 'bob-1']);
    clock.advance(1_000);
    await settle();
    expect(entered).toEqual(['alice-1', 'bob-1', 'carol-1']);
    expect(line.length).toBe(0);
  });

  it('puts the first viewer of each user before anybody’s second', async () => {
    const { line, clock, come, entered, settle } = createLine();
    line.hold();
    for (const name of ['wall-1', 'wall-2', 'wall-3', 'alice-1']) void come(name);
    line.release();
    await settle();
    clock.advance(10_000);
    await settle();
    expect(entered).toEqual(['wall-1', 'alice-1', 'wall-2', 'wall-3']);
  });

  it('stops letting in when the pressure comes back', async () => {
    const { line, clock, come, entered, settle } = createLine();
    line.hold();
    for (const name of ['alice-1', 'bob-1']) void come(name);
    line.release();
    line.hold();
    clock.advance(10_000);
    await settle();
    expect(entered).toEqual(['alice-1']);
    expect(line.length).toBe(1);
  });

  it('has an end, and says when to come again', async () => {
    const { line, come } = createLine({ maxWaiting: 1 });
    line.hold();
    void come('alice-1');
    await expect(come('bob-1')).rejects.toMatchObject({
      code: 'VIEWER_LIMIT',
      retryable: true,
      detail: { limit: 1, active: 1, retryAfterMs: 5_000 },
    });
    expect(line.refused).toBe(1);
  });

  it('closes up when somebody leaves, and forgets everybody at the end', async () => {
    const { line, come, leave, places } = createLine();
    line.hold();
    const alice = come('alice-1');
    const bob = come('bob-1');
    leave('alice-1');
    await expect(alice).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(places['bob-1']).toEqual([2, 1]);
    line.close();
    await expect(bob).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(line.length).toBe(0);
  });
});
