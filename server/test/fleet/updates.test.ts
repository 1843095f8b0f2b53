import { describe, expect, it } from 'vitest';
import type { UpdateMessage } from '@sitecast/shared/protocol/viewer-messages';
import {
  MAX_PENDING_KEYS,
  MAX_SOCKET_QUEUED_BYTES,
  UpdateHub,
  type Onlooker,
  type UpdateSocket,
} from '../../src/fleet/updates.ts';
import { ManualClock } from '../support/manual-clock.ts';

class RecordingSocket implements UpdateSocket {
  readonly received: UpdateMessage[] = [];
  queued = 0;
  isClosed = false;

  sendText(text: string): void {
    this.received.push(JSON.parse(text) as UpdateMessage);
  }

  queuedBytes(): number {
    return this.queued;
  }

  closeSlow(): void {
    this.isClosed = true;
  }
}

const SHARE = { maxPerUser: 2, maxPerAddress: 3 };
const KIM: Onlooker = { userId: 'kim', address: '10.0.0.1', seesSite: () => true, seesServer: true };

describe('UpdateHub', () => {
  it('has places for so many pages of one user and of one address, and one again when a page is left', () => {
    const hub = new UpdateHub({ clock: new ManualClock(), share: SHARE });
    const open = (userId: string, address: string): (() => void) =>
      hub.join(new RecordingSocket(), { ...KIM, userId, address });
    const leave = open('kim', '10.0.0.1');
    open('kim', '10.0.0.2');
    const isLeftFor = (userId: string, address: string): boolean => hub.hasShareLeft({ userId, address });
    expect([isLeftFor('kim', '10.0.0.3'), isLeftFor('lee', '10.0.0.1')]).toEqual([false, true]);
    for (const user of ['lee', 'park']) open(user, '10.0.0.1');
    expect([isLeftFor('choi', '10.0.0.1'), isLeftFor('choi', '10.0.0.2')]).toEqual([false, true]);
    expect(hub.counters).toMatchObject({ socketsRefusedOfOwn: 2, socketsRefused: 0 });
    leave();
    expect([isLeftFor('kim', '10.0.0.3'), isLeftFor('choi', '10.0.0.1')]).toEqual([true, true]);
  });

  it('sends only the newest state of a key, once a flush', () => {
    const { clock, hub, socket } = subscribed();
    for (let second = 0; second < 10; second += 1)
      hub.publish(snapshotOf('a', `2026-01-01T00:00:0${second}.000Z`));
    hub.publish(snapshotOf('b', '2026-01-01T00:00:00.000Z'));
    expect(socket.received).toEqual([]);
    clock.advance(250);
    expect(socket.received).toEqual([
      snapshotOf('a', '2026-01-01T00:00:09.000Z'),
      snapshotOf('b', '2026-01-01T00:00:00.000Z'),
    ]);
    clock.advance(10_000);
    expect(socket.received).toHaveLength(2);
  });

  it('puts the newest value of every series into one message', () => {
    const { clock, hub, socket } = subscribed();
    hub.publish({ type: 'readings', values: [valueOf('x', 1), valueOf('y', 5)] });
    hub.publish({ type: 'readings', values: [valueOf('x', 2)] });
    clock.advance(250);
    expect(socket.received).toEqual([{ type: 'readings', values: [valueOf('x', 2), valueOf('y', 5)] }]);
  });

  it('keeps events of the same camera apart', () => {
    const { clock, hub, socket } = subscribed();
    hub.publish(eventOf('01'));
    hub.publish(eventOf('02'));
    clock.advance(250);
    expect(socket.received).toHaveLength(2);
  });

  it('tells nobody of a site that they do not see', () => {
    const clock = new ManualClock();
    const hub = new UpdateHub({ clock, share: SHARE });
    const socket = new RecordingSocket();
    hub.join(socket, { ...KIM, seesSite: (site) => site === 'yard' });
    hub.publish(snapshotOf('a', '2026-01-01T00:00:00.000Z'));
    hub.publish({ type: 'readings', values: [valueOf('x', 1), { ...valueOf('x', 2), site: 'yard' }] });
    clock.advance(250);
    expect(socket.received).toEqual([{ type: 'readings', values: [{ ...valueOf('x', 2), site: 'yard' }] }]);
  });

  it('closes a socket that does not drain, and goes on for the others', () => {
    const { clock, hub, socket } = subscribed();
    const slow = new RecordingSocket();
    slow.queued = MAX_SOCKET_QUEUED_BYTES + 1;
    hub.join(slow, KIM);
    hub.publish(eventOf('01'));
    clock.advance(250);
    expect([slow.isClosed, socket.isClosed]).toEqual([true, false]);
    expect(socket.received).toHaveLength(1);
    expect(hub.counters.socketsClosedSlow).toBe(1);
  });

  it('keeps a bounded number of keys, dropping the oldest', () => {
    const { clock, hub, socket } = subscribed();
    for (let index = 0; index < MAX_PENDING_KEYS + 3; index += 1) hub.publish(eventOf(String(index)));
    clock.advance(250);
    expect(socket.received).toHaveLength(MAX_PENDING_KEYS);
    expect(hub.counters.keysDropped).toBe(3);
  });

  it('keeps nothing while nobody is there, nor after they left', () => {
    const { clock, hub, socket, leave } = subscribed();
    leave();
    hub.publish(eventOf('01'));
    hub.join(socket, KIM);
    clock.advance(1_000);
    expect(socket.received).toEqual([]);
  });
});

function subscribed() {
  const clock = new ManualClock();
  const hub = new UpdateHub({ clock, share: SHARE });
  const socket = new RecordingSocket();
  return { clock, hub, socket, leave: hub.join(socket, KIM) };
}

function snapshotOf(camera: string, capturedAt: string): UpdateMessage {
  return {
    type: 'snapshot',
    site: 'home',
    camera,
    id: '01JZZZZZZZZZZZZZZZZZZZZZZZ',
    capturedAt,
    reason: 'interval',
  };
}

function eventOf(id: string): UpdateMessage {
  return {
    type: 'event',
    site: 'home',
    camera: 'a',
    id,
    kind: 'motion',
    at: '2026-01-01T00:00:00.000Z',
    until: null,
  };
}

function valueOf(sensor: string, value: number) {
  return {
    site: 'home',
    sensor,
    metric: 'temperature',
    unit: null,
    label: null,
    ts: '2026-01-01T00:00:00.000Z',
    value,
  };
}
