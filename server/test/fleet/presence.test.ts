import { describe, expect, it } from 'vitest';
import { Presence } from '../../src/fleet/presence.ts';
import { RevocationSweep } from '../../src/fleet/revocation-sweep.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { testLogger } from '../support/postgres.ts';

describe('Presence', () => {
  it('tells fleet, relay and commands of an agent that comes and goes', () => {
    const heard: unknown[] = [];
    const presence = new Presence({
      fleet: {
        connectionChanged: async (agent, isConnected) => void heard.push(['fleet', agent, isConnected]),
      },
      devices: { seen: async (id) => void heard.push(['seen', id]) },
      onAgentConnected: (agent) => heard.push(['connected', agent]),
      onAgentGone: (agent) => heard.push(['gone', agent]),
      logger: testLogger,
    });
    const agent = { site: 'yard', agent: 'gateway' };
    presence.changed({ kind: 'agent', site: 'yard', id: 'gateway' }, true);
    presence.changed({ kind: 'sensor', site: 'yard', id: 'boiler' }, true);
    expect([presence.connected, presence.isConnected('gateway')]).toEqual([2, true]);
    presence.changed({ kind: 'agent', site: 'yard', id: 'gateway' }, false);
    expect([presence.connected, presence.isConnected('gateway')]).toEqual([1, false]);
    expect(heard).toEqual([
      ['seen', 'gateway'],
      ['fleet', agent, true],
      ['connected', agent],
      ['seen', 'boiler'],
      ['fleet', agent, false],
      ['gone', agent],
    ]);
  });

  it('survives a store that is away', async () => {
    const away = () => Promise.reject(new Error('away'));
    const presence = new Presence({
      fleet: { connectionChanged: away },
      devices: { seen: away },
      onAgentConnected: () => undefined,
      onAgentGone: () => undefined,
      logger: testLogger,
    });
    presence.changed({ kind: 'agent', site: 'yard', id: 'gateway' }, true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(presence.isConnected('gateway')).toBe(true);
  });
});

const BOILER = { kind: 'sensor', site: 'yard', id: 'boiler' } as const;

describe('RevocationSweep', () => {
  it('tells of what was revoked since the last time, and asks again from there when the store was away', async () => {
    const clock = new ManualClock();
    const asked: number[] = [];
    const told: string[] = [];
    const answers = [
      () => Promise.reject(new Error('away')),
      async () => ({ revoked: [BOILER], until: new Date(7_000) }),
      async () => ({ revoked: [], until: new Date(12_000) }),
    ];
    const sweep = new RevocationSweep({
      devices: {
        revokedSince: (since) => {
          asked.push(since.getTime());
          return answers[asked.length - 1]?.() ?? Promise.reject(new Error('asked too often'));
        },
      },
      onRevoked: async ({ id }) => void told.push(id),
      logger: testLogger,
      clock,
    });
    const startMs = clock.nowMs();
    sweep.start();
    for (let round = 0; round < 3; round += 1) {
      clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(asked).toEqual([startMs, startMs, 7_000]);
    expect(told).toEqual(['boiler']);
    sweep.close();
    clock.advance(60_000);
    expect(asked).toHaveLength(3);
  });
});
