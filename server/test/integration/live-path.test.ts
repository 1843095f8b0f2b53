// Broker, commands and relay together, with a real mqtt.js agent: lease, frames, acknowledgements, an agent that comes back.

import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '@sitecast/shared/node/logger';
import { command, liveAck, reply, type Command, type LiveAck } from '@sitecast/shared/protocol/commands';
import { decodeMessage, encodeJson } from '@sitecast/shared/protocol/json-message';
import { encodeFrame, FrameKind } from '@sitecast/shared/protocol/frame-header';
import { topics } from '@sitecast/shared/protocol/topics';
import { AgentCommands } from '../../src/fleet/agent-commands.ts';
import { createAgentPort } from '../../src/fleet/agent-port.ts';
import { RELAY_LIMITS } from '../../src/relay/limits.ts';
import { StreamHub } from '../../src/relay/stream-hub.ts';
import { startBroker, type Harness } from '../broker/broker-harness.ts';
import { FakeBrowser, FRONT } from '../relay/relay-harness.ts';
import { waitFor } from '../support/wait-for.ts';

const GATEWAY = { site: 'demo', agent: 'gateway' };

let harness: Harness;
let commands: AgentCommands;
let hub: StreamHub;

beforeEach(async () => {
  harness = await startBroker();
  const { broker } = harness;
  commands = new AgentCommands({ channel: broker });
  hub = new StreamHub({
    agents: createAgentPort({
      commands,
      publish: (topic, payload) => broker.publish(topic, payload),
      hasAgent: () => true,
      agentOf: () => GATEWAY,
    }),
    limits: { ...RELAY_LIMITS, graceMs: 300 },
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  harness.onLiveFrame = ({ site, camera, profile }, bytes) =>
    hub.acceptFrame({ site, id: camera }, profile, bytes);
  harness.onMessage = async ({ topic, payload }) => {
    if (topic.kind === 'reply') commands.acceptReply(topic, decodeMessage(reply, payload));
  };
  broker.onConnection(({ device, isOnline }) => {
    if (!isOnline) commands.agentGone({ site: device.site, agent: device.id });
  });
});

afterEach(async () => {
  await hub.close();
  commands.close();
  await harness[Symbol.asyncDispose]();
});

class Agent {
  readonly ops: string[] = [];
  readonly acks: LiveAck[] = [];
  readonly data: MqttClient;
  readonly media: MqttClient;
  #sequence = 0;
  #epoch: number;

  private constructor(data: MqttClient, media: MqttClient, epoch: number) {
    this.data = data;
    this.media = media;
    this.#epoch = epoch;
    data.on('message', (_topic, payload) => this.#execute(decodeMessage(command, payload)));
    media.on('message', (_topic, payload) => void this.acks.push(decodeMessage(liveAck, payload)));
  }

  static async connect(epoch: number): Promise<Agent> {
    const agent = new Agent(
      await harness.connect('gateway'),
      await harness.connect('gateway', { listener: 'media' }),
      epoch,
    );
    await agent.data.subscribeAsync(topics.command(GATEWAY), { qos: 1 });
    await agent.media.subscribeAsync(topics.liveAck(GATEWAY));
    await waitFor('the broker to know it', () => harness.broker.isConnected(GATEWAY));
    return agent;
  }

  send(kind: FrameKind, isKeyframe = false): void {
    const header = { kind, isKeyframe, isDiscontinuity: false, isLast: false, capturedAtUs: 1 };
    const bytes = encodeFrame(
      { ...header, epoch: this.#epoch, sequence: this.#sequence++ },
      new Uint8Array(5_000),
    );
    this.media.publish(topics.live(GATEWAY, 'front', 'main'), Buffer.from(bytes));
  }

  #execute({ id, op, args }: Command): void {
    this.ops.push(op);
    const result = {
      stream: 'front/main',
      epoch: this.#epoch,
      container: 'fmp4',
      mime: 'video/mp4; codecs="avc1.64001f"',
      width: 640,
      height: 360,
    };
    this.data.publish(topics.reply(GATEWAY), Buffer.from(encodeJson({ id, ok: true, result })), { qos: 1 });
    if (op === 'live.lease' && 'camera' in args && this.#sequence === 0) {
      this.send(FrameKind.initSegment);
      this.send(FrameKind.fragment, true);
    }
  }
}

function join(): Promise<{ browser: FakeBrowser; leave: () => void }> {
  const browser = new FakeBrowser();
  return hub
    .join({ camera: FRONT, profile: 'main', codecs: [], userId: 'u', address: '192.0.2.1', socket: browser })
    .then((handle) => ({ browser, leave: () => handle.onClose() }));
}

describe('the live path', () => {
  it('leases, relays, acknowledges and releases', async () => {
    const agent = await Agent.connect(1);
    const { browser, leave } = await join();
    await waitFor('the picture', () => browser.frames.length === 2);
    agent.send(FrameKind.fragment);
    await waitFor('the next picture', () => browser.frames.length === 3);
    await waitFor('the acknowledgement', () => agent.acks.at(-1)?.sequence === 2);
    expect(agent.acks.at(-1)).toEqual({ stream: 'front/main', sequence: 2, receivedBytes: 3 * 5_024 });
    leave();
    await waitFor('the release', () => agent.ops.includes('live.release'));
  });

  it('refuses at once while the agent is away, and a camera command too', async () => {
    await expect(join()).rejects.toMatchObject({ code: 'AGENT_OFFLINE' });
  });

  it('rejects what waits when the agent goes', async () => {
    const agent = await Agent.connect(1);
    agent.data.removeAllListeners('message');
    const joining = join();
    await waitFor('the command to be out', () => commands.pending === 1);
    agent.data.end(true);
    await expect(joining).rejects.toMatchObject({ code: 'AGENT_OFFLINE' });
  });

  it('goes on for the same viewers when the agent was restarted', async () => {
    const first = await Agent.connect(1);
    const { browser } = await join();
    await waitFor('the first picture', () => browser.frames.length === 2);
    first.data.end(true);
    first.media.end(true);
    await waitFor('offline', () => !harness.broker.isConnected(GATEWAY));
    const second = await Agent.connect(2);
    hub.agentsChanged('demo');
    await waitFor('a picture of the second', () => browser.frames.at(-1)?.header.epoch === 2);
    expect(second.ops[0]).toBe('live.lease');
    expect(browser.sequences).toEqual(['i0', '1', 'i0', '1']);
    expect(browser.closed).toBeUndefined();
  });
});
