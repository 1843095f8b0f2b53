import { describe, expect, it } from 'vitest';
import { SlotGate } from '../../src/ingest/slot-gate.ts';

describe('SlotGate', () => {
  it('lets in as many as there are slots, then one for each that leaves, in order', async () => {
    const gate = new SlotGate({ slots: 2, maxWaiting: 5 });
    const entered: number[] = [];
    const all = [0, 1, 2, 3].map((n) => gate.enter().then(() => void entered.push(n)));
    await Promise.all(all.slice(0, 2));
    await Promise.resolve();
    expect(entered).toEqual([0, 1]);
    gate.leave();
    await all[2];
    expect(entered).toEqual([0, 1, 2]);
    gate.leave();
    await all[3];
    expect([gate.taken, gate.waiting, gate.heldUp]).toEqual([2, 0, 2]);
  });

  it('refuses when the line is full, and counts it', async () => {
    const gate = new SlotGate({ slots: 1, maxWaiting: 1 });
    await gate.enter();
    const waiting = gate.enter();
    await expect(gate.enter()).rejects.toMatchObject({ code: 'QUEUE_FULL', retryable: true });
    expect([gate.heldUp, gate.refused]).toEqual([1, 1]);
    gate.leave();
    await waiting;
  });

  it('lets nobody in while more are inside than there are slots', async () => {
    const gate = new SlotGate({ slots: 1, maxWaiting: 5 });
    for (let n = 0; n < 3; n += 1) gate.take();
    let isIn = false;
    const entering = gate.enter().then(() => (isIn = true));
    gate.leave();
    gate.leave();
    await new Promise((resolve) => setImmediate(resolve));
    expect(isIn).toBe(false);
    gate.leave();
    await entering;
  });

  it('sends everybody in line away when it closes', async () => {
    const gate = new SlotGate({ slots: 1, maxWaiting: 5 });
    await gate.enter();
    const waiting = gate.enter();
    gate.close();
    await expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN', retryable: true });
    await expect(gate.enter()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    gate.leave();
    expect(() => gate.leave()).toThrow(TypeError);
  });
});
