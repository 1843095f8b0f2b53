// The gate on a stream in memory, read as aedes reads a socket.

import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DeviceShare } from '../../src/node/device-share.ts';
import { HeldBytes, PacketGate } from '../../src/node/packet-gate.ts';
import { TokenBucket } from '../../src/runtime/token-bucket.ts';
import { ManualClock } from '../manual-clock.ts';

const DEADLINES = { packetMs: 60_000, silenceMs: 20_000 };
const WATCH_MS = 2_000;

/** A packet of 128 bytes, or less of it. */
const packet = (length = 128): Buffer =>
  Buffer.concat([Buffer.from([0x30, 126]), Buffer.alloc(126)]).subarray(0, length);

function setUp({ held = new HeldBytes(10_000) }: { held?: HeldBytes } = {}) {
  const stream = new Readable({ read: () => undefined });
  const log: string[] = [];
  let bytes = 0;
  const gate = new PacketGate({
    socket: stream as unknown as Socket,
    held,
    maxPacketBytes: () => 100_000,
    maxHeldBytes: 5_000,
    maxHeldMessages: 100,
    onRefused: (reason) => log.push(reason),
    onHeldUp: (by) => log.push(by),
  });
  const readAll = (): number => {
    for (let chunk = stream.read() as Buffer | null; chunk; chunk = stream.read() as Buffer | null) {
      bytes += chunk.length;
    }
    return bytes;
  };
  stream.on('readable', readAll);
  return { stream, gate, held, log, readAll, bytesRead: () => bytes };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('PacketGate before the login', () => {
  it('reads one packet, also while the listener is full, and what is behind it once the login is over', async () => {
    const held = new HeldBytes(10_000);
    held.add(10_000);
    const { stream, gate, bytesRead } = setUp({ held });
    stream.push(Buffer.concat([packet(), packet(), packet()]));
    await settled();
    expect(bytesRead()).toBe(128);
    gate.letIn();
    await settled();
    expect(bytesRead()).toBe(128);
    held.add(-10_000);
    await settled();
    expect(bytesRead()).toBe(384);
  });
});

describe('PacketGate and a packet that has begun', () => {
  it('refuses it after a while without a byte, and gives back what was counted for it', async () => {
    const { stream, gate, held, log } = setUp();
    gate.letIn();
    stream.push(packet(50));
    await settled();
    expect(held.bytes).toBe(126);
    for (let ms = 0; ms <= 18_000; ms += WATCH_MS) gate.watch(WATCH_MS, DEADLINES);
    expect(log).toEqual([]);
    gate.watch(WATCH_MS, DEADLINES);
    expect(log).toEqual(['too-slow']);
    expect(held.bytes).toBe(0);
  });

  it('refuses it when it comes byte by byte for too long', async () => {
    const { stream, gate, log } = setUp();
    gate.letIn();
    stream.push(packet(50));
    let elapsedMs = 0;
    for (let sent = 50; log.length === 0 && sent < 126; sent += 1) {
      stream.push(Buffer.alloc(1));
      await settled();
      gate.watch(WATCH_MS, DEADLINES);
      elapsedMs += WATCH_MS;
    }
    expect(log).toEqual(['too-slow']);
    expect(elapsedMs).toBe(62_000);
  });

  it('refuses no connection that is idle, or that sends packet after packet cut in two', async () => {
    const { stream, gate, log } = setUp();
    gate.letIn();
    stream.push(packet(50));
    for (let i = 0; i < 100; i += 1) {
      stream.push(Buffer.concat([Buffer.alloc(78), packet(50)]));
      await settled();
      gate.watch(WATCH_MS, DEADLINES);
    }
    stream.push(Buffer.alloc(78));
    await settled();
    for (let i = 0; i < 100; i += 1) gate.watch(WATCH_MS, DEADLINES);
    expect(log).toEqual([]);
  });

  it('does not hold it against the device that it was not read', async () => {
    const { stream, gate, log } = setUp();
    gate.letIn();
    stream.push(packet(50));
    await settled();
    const release = gate.hold(5_000);
    stream.push(Buffer.alloc(10));
    await settled();
    for (let i = 0; i < 100; i += 1) gate.watch(WATCH_MS, DEADLINES);
    expect(log).toEqual(['connection']);
    release();
  });
});

describe('PacketGate and the share of a device', () => {
  function shareOf(clock: ManualClock, maxHeldBytes = 1_000): DeviceShare {
    const bucket = (perSecond: number): TokenBucket =>
      new TokenBucket({ perSecond, burst: perSecond, maxDebt: 2 * perSecond, clock });
    const rate = { messages: bucket(100), bytes: bucket(1_000_000) };
    return new DeviceShare({ maxHeldBytes, rate, worthlessCost: 10, clock });
  }

  it('reads no more packets at once than there are tokens, and the rest in time, none lost', async () => {
    const clock = new ManualClock();
    const { stream, gate, log, bytesRead } = setUp();
    gate.letIn(shareOf(clock));
    stream.push(Buffer.concat(Array.from({ length: 300 }, () => packet())));
    await settled();
    expect(bytesRead()).toBe(100 * 128);
    expect(log).toEqual(['rate']);
    clock.advance(1_000);
    await settled();
    expect(bytesRead()).toBeGreaterThan(180 * 128);
    expect(bytesRead()).toBeLessThanOrEqual(200 * 128);
    for (let i = 0; i < 20; i += 1) {
      clock.advance(100);
      await settled();
    }
    expect(bytesRead()).toBe(300 * 128);
  });

  it('begins no packet on a second connection while the first holds the share, and finishes what has begun', async () => {
    const clock = new ManualClock();
    const held = new HeldBytes(10_000);
    const share = shareOf(clock, 200);
    const [first, second, third] = [setUp({ held }), setUp({ held }), setUp({ held })];
    for (const { gate } of [first, second, third]) gate.letIn(share);
    first.stream.push(packet(50));
    await settled();
    second.stream.push(packet(50));
    await settled();
    expect(share.heldBytes).toBe(252);
    third.stream.push(packet());
    await settled();
    expect(third.bytesRead()).toBe(0);
    expect(third.log).toEqual(['share']);
    second.stream.push(Buffer.alloc(78));
    await settled();
    expect(second.bytesRead()).toBe(128);
    clock.advance(0);
    await settled();
    expect(third.bytesRead()).toBe(128);
    first.gate.close();
    expect([share.heldBytes, held.bytes]).toEqual([0, 0]);
  });
});
