import { beforeEach, describe, expect, it } from 'vitest';
import { command, type Command } from '@sitecast/shared/protocol/commands';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { AgentCommands } from '../../src/fleet/agent-commands.ts';
import { createAgentPort } from '../../src/fleet/agent-port.ts';
import { ManualClock } from '../support/manual-clock.ts';

const GATEWAY = { site: 'demo', agent: 'gateway' };
const LEASE = { stream: 'front/main', epoch: 1, container: 'fmp4', mime: 'video/mp4', width: 1, height: 1 };

let clock: ManualClock;
let sent: { topic: string; command: Command }[];
let isConnected: boolean;
let commands: AgentCommands;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  isConnected = true;
  commands = new AgentCommands({
    clock,
    maxPending: 3,
    maxPendingPerAgent: 2,
    channel: {
      publish: (topic, payload) => void sent.push({ topic, command: decodeMessage(command, payload) }),
      isConnected: () => isConnected,
    },
  });
});

const lastId = (): string => sent.at(-1)?.command.id ?? '';

describe('AgentCommands', () => {
  it('resolves with the result of the reply that carries the same id', async () => {
    const result = commands.request(GATEWAY, 'snapshot', { camera: 'front' }, { timeoutMs: 2_000 });
    expect(sent).toMatchObject([
      {
        topic: 'sitecast/v1/demo/gateway/cmd',
        command: { op: 'snapshot', args: { camera: 'front' }, expiresAt: '2026-01-01T00:00:02.000Z' },
      },
    ]);
    commands.acceptReply(GATEWAY, { id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', ok: true, result: 'of another' });
    commands.acceptReply({ site: 'demo', agent: 'other' }, { id: lastId(), ok: true, result: 'forged' });
    commands.acceptReply(GATEWAY, { id: lastId(), ok: true, result: 'mine' });
    expect(await result).toBe('mine');
    expect(commands.pending).toBe(0);
  });

  it('rejects with the code that the agent answered', async () => {
    const result = commands.request(GATEWAY, 'snapshot', { camera: 'front' });
    commands.acceptReply(GATEWAY, {
      id: lastId(),
      ok: false,
      error: { code: 'CAMERA_OFFLINE', message: 'no' },
    });
    await expect(result).rejects.toMatchObject({ code: 'CAMERA_OFFLINE' });
  });

  it('rejects at once when the agent is not connected, and when it goes', async () => {
    const waiting = commands.request(GATEWAY, 'restart', {});
    commands.agentGone(GATEWAY);
    await expect(waiting).rejects.toMatchObject({ code: 'AGENT_OFFLINE' });
    isConnected = false;
    await expect(commands.request(GATEWAY, 'restart', {})).rejects.toMatchObject({ code: 'AGENT_OFFLINE' });
    expect(sent).toHaveLength(1);
  });

  it('tells the time without waiting for a reply', () => {
    commands.tellTime(GATEWAY, { healthAt: '2026-03-01T09:00:15.000Z', nowMs: clock.nowMs() });
    expect(commands.pending).toBe(0);
    expect(sent.at(-1)?.command).toMatchObject({
      op: 'clock',
      args: { healthAt: '2026-03-01T09:00:15.000Z', serverAt: new Date(clock.nowMs()).toISOString() },
    });
  });

  it('rejects when no reply comes in time', async () => {
    const result = commands.request(GATEWAY, 'restart', {}, { timeoutMs: 1_000 });
    clock.advance(1_000);
    await expect(result).rejects.toMatchObject({ code: 'COMMAND_TIMEOUT', retryable: true });
    expect(commands.pending).toBe(0);
  });

  it('refuses above its bounds: per agent, and in all', async () => {
    const other = { site: 'demo', agent: 'other' };
    const waiting = [GATEWAY, GATEWAY, other].map((to, i) => {
      if (i === 2) expect(commands.pending).toBe(2);
      return commands.request(to, 'restart', {});
    });
    const settled = Promise.allSettled(waiting);
    await expect(commands.request(GATEWAY, 'restart', {})).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expect(commands.request(other, 'restart', {})).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    commands.close();
    expect(
      (await settled).map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : '')),
    ).toEqual(Array(3).fill('SHUTTING_DOWN'));
    await expect(commands.request(GATEWAY, 'restart', {})).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('createAgentPort', () => {
  const FRONT = { site: 'demo', id: 'front' };
  const published: { topic: string; payload: unknown }[] = [];
  const port = () =>
    createAgentPort({
      commands,
      publish: (topic, payload) =>
        void published.push({ topic, payload: JSON.parse(Buffer.from(payload).toString()) }),
      hasAgent: () => true,
      agentOf: ({ id }) => (id === 'front' ? GATEWAY : undefined),
    });

  it('asks the agent of the camera for a lease and checks its answer', async () => {
    const lease = port().lease(FRONT, 'main', 15_000);
    expect(sent[0]?.command).toMatchObject({
      op: 'live.lease',
      args: { camera: 'front', profile: 'main', ttlMs: 15_000 },
    });
    commands.acceptReply(GATEWAY, { id: lastId(), ok: true, result: LEASE });
    expect(await lease).toEqual(LEASE);
    const strange = port().lease(FRONT, 'main', 15_000);
    commands.acceptReply(GATEWAY, { id: lastId(), ok: true, result: { stream: 1 } });
    await expect(strange).rejects.toMatchObject({ code: 'FRAME_MALFORMED' });
  });

  it('knows no camera without an agent', async () => {
    await expect(port().lease({ site: 'demo', id: 'back' }, 'main', 15_000)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    port().release({ site: 'demo', id: 'back' }, 'main');
    expect(sent).toEqual([]);
  });

  it('releases without minding whether anybody answers', async () => {
    isConnected = false;
    port().release(FRONT, 'main');
    await Promise.resolve();
    isConnected = true;
    port().release(FRONT, 'main');
    expect(sent).toMatchObject([{ command: { op: 'live.release' } }]);
    clock.advance(10_000);
    await Promise.resolve();
  });

  it('acknowledges on the live-ack topic of the agent', () => {
    const ack = { stream: 'front/main', sequence: 7, receivedBytes: 99 };
    port().ack(FRONT, ack);
    expect(published).toEqual([{ topic: 'sitecast/v1/demo/gateway/live-ack', payload: ack }]);
  });
});
