import { describe, expect, it } from 'vitest';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { parseTopic, topics } from '@sitecast/shared/protocol/topics';
import { FOREIGN_MESSAGES } from '../../../shared/test/foreign-messages.ts';
import { DeviceMessages, type DeviceMessagesOptions } from '../../src/fleet/device-messages.ts';
import type { DeviceAddress } from '../../src/fleet/devices.ts';
import { DiscoveredValues } from '../../src/foreign/discovered-values.ts';
import { ForeignIntake } from '../../src/foreign/foreign-intake.ts';
import { UnmappedSamples } from '../../src/foreign/unmapped-samples.ts';

const AGENT: DeviceAddress = { kind: 'agent', site: 'yard', id: 'gateway' };
const SENSOR: DeviceAddress = { kind: 'sensor', site: 'yard', id: 'boiler' };
const ARRIVED_MS = Date.UTC(2026, 0, 1);

describe('DeviceMessages', () => {
  it('passes readings on with the time of arrival, and the sensor becomes known first', async () => {
    const { messages, calls } = wired();
    await messages.onMessage(
      message(SENSOR, 'sitecast/v1/yard/sensors/boiler/telemetry', Buffer.from('21.5')),
    );
    expect(calls).toEqual([
      ['sensorSeen', { site: 'yard', id: 'boiler' }, null],
      ['readings', 'yard', 'boiler', SENSOR, [{ tsMs: ARRIVED_MS, values: { value: 21.5 } }]],
    ]);
  });

  it.each(FOREIGN_MESSAGES)('reads $what of $project, under the id of the device', async (foreign) => {
    const { messages, calls } = wired();
    const topic = topics.sensorForeign('yard', foreign.sensor, foreign.topic);
    const from: DeviceAddress = { kind: 'sensor', site: 'yard', id: foreign.sensor };
    await messages.onMessage(message(from, topic, Buffer.from(foreign.payload)));
    const { tsMs = ARRIVED_MS, values, units } = foreign;
    expect(calls).toEqual([
      ['sensorSeen', { site: 'yard', id: foreign.sensor }, null],
      ['readings', 'yard', foreign.sensor, from, [units ? { tsMs, values, units } : { tsMs, values }]],
    ]);
  });

  it('keeps what a bridge says of its devices under its own id', async () => {
    const { messages, calls } = wired();
    const topic = topics.sensorForeign('yard', 'boiler', 'zigbee2mqtt/kitchen');
    await messages.onMessage(message(SENSOR, topic, Buffer.from('{"temperature":21,"action":"single"}')));
    expect(calls[1]).toEqual([
      'readings',
      'yard',
      'boiler',
      SENSOR,
      [
        {
          tsMs: ARRIVED_MS,
          values: { 'kitchen.temperature': 21 },
          units: { 'kitchen.temperature': '°C' },
        },
      ],
    ]);
  });

  it('drops a foreign message without a reading, with a reason where somebody should look at it', async () => {
    const { messages, calls } = wired();
    const send = (topic: string, payload: string): Promise<void> =>
      messages.onMessage(
        message(SENSOR, topics.sensorForeign('yard', 'boiler', topic), Buffer.from(payload)),
      );
    await send('tele/LWT', 'Online');
    await expect(send('tele/SENSOR', '21')).rejects.toMatchObject({
      code: 'FRAME_MALFORMED',
      retryable: false,
      message: 'tasmota: Tasmota publishes a JSON object here',
    });
    await expect(send('plant/7', '21')).rejects.toMatchObject({ message: 'no rule has this topic' });
    expect(calls).toEqual([]);
  });

  it('keeps a sample of a sensor that sends what is no reading', async () => {
    const { messages, calls, samples } = wired();
    const topic = 'sitecast/v1/yard/sensors/boiler/telemetry';
    await expect(messages.onMessage(message(SENSOR, topic, Buffer.from('{"a":"x"}')))).rejects.toMatchObject({
      code: 'FRAME_MALFORMED',
    });
    expect(calls).toEqual([]);
    expect(samples.list()).toMatchObject([
      {
        device: 'boiler',
        topic: 'telemetry',
        payload: '{"a":"x"}',
        reason: expect.stringContaining('number'),
      },
    ]);
  });

  it('tells of a gateway that signs with another key than before, once it has told so', async () => {
    const { messages, calls } = wired({ anotherKey: 'fedcba9876543210' });
    const status = {
      state: 'online',
      since: '2026-01-01T00:00:00Z',
      version: '1',
      bootId: '01JZ0000000000000000000000',
    };
    const topic = 'sitecast/v1/yard/gateway/status';
    await messages.onMessage(message(AGENT, topic, encodeJson(status)));
    expect(calls.map(([name]) => name)).toEqual(['status']);
    await messages.onMessage(message(AGENT, topic, encodeJson({ ...status, publicKey: 'A'.repeat(43) })));
    expect(calls.slice(1).map(([name]) => name)).toEqual(['status', 'agent-event']);
    expect(calls.at(-1)?.[2]).toMatchObject({
      kind: 'signing-key',
      detail: expect.stringContaining('fedcba9876543210'),
    });
  });

  it('names the agent of readings that come through one', async () => {
    const { messages, calls } = wired();
    await messages.onMessage(
      message(AGENT, 'sitecast/v1/yard/gateway/telemetry/climate', encodeJson({ t: 1 })),
    );
    expect(calls[0]).toEqual(['sensorSeen', { site: 'yard', id: 'climate' }, 'gateway']);
  });

  it('stores an event before it tells the pages', async () => {
    const { messages, calls } = wired();
    const event = { id: '01JZ0000000000000000000000', kind: 'motion', at: '2026-01-01T00:00:00.000Z' };
    await messages.onMessage(message(AGENT, 'sitecast/v1/yard/gateway/cam/front/event', encodeJson(event)));
    expect(calls.map(([name]) => name)).toEqual(['event', 'publish']);
    const gone = { ...event, kind: 'offline' };
    await messages.onMessage(message(AGENT, 'sitecast/v1/yard/gateway/cam/front/event', encodeJson(gone)));
    expect(calls.slice(2).map(([name]) => name)).toEqual(['event', 'outages', 'publish']);
    expect(calls[3]?.slice(1)).toEqual([{ site: 'yard', id: 'front' }, new Date(event.at)]);
    expect(calls[0]?.slice(1, 3)).toEqual([{ site: 'yard', id: 'front' }, 'gateway']);
  });

  it('answers health with its own time, before it stores it', async () => {
    const { messages, calls } = wired();
    const zeros = (...names: string[]): Record<string, number> =>
      Object.fromEntries(names.map((name) => [name, 0]));
    const health = {
      at: '2026-01-01T00:00:09.000Z',
      cpu: zeros('cores', 'loadPercent'),
      memory: zeros('rssBytes', 'totalBytes', 'freeBytes'),
      disk: zeros('totalBytes', 'freeBytes'),
      spool: zeros('bytes', 'maxBytes', 'messages', 'messagesDropped', 'corruptTails'),
      uplink: zeros('connects', 'inFlight', 'acked', 'liveBytesSent', 'liveFramesDropped'),
      cameras: [],
    };
    await messages.onMessage(message(AGENT, 'sitecast/v1/yard/gateway/health', encodeJson(health)));
    expect(calls.map(([name]) => name)).toEqual(['time', 'health']);
    expect(calls[0]?.[2]).toEqual({ healthAt: health.at, nowMs: ARRIVED_MS });
  });

  it('keeps what an agent says of itself, and lists it at its arrival when its clock cannot be right', async () => {
    const { messages, calls } = wired();
    const gap = {
      lane: 'telemetry',
      from: '2025-12-31T22:00:00.000Z',
      to: '2025-12-31T23:00:00.000Z',
      count: 12,
    };
    const event = {
      id: '01JZ0000000000000000000000',
      kind: 'gap',
      at: gap.from,
      until: gap.to,
      detail: null,
      gap,
    };
    const topic = 'sitecast/v1/yard/gateway/event';
    await messages.onMessage(message(AGENT, topic, encodeJson(event)));
    expect(calls.map(([name]) => name)).toEqual(['agent-event', 'publish']);
    expect(calls[0]?.slice(1)).toEqual([expect.objectContaining({ site: 'yard', agent: 'gateway' }), event]);
    await messages.onMessage(message(AGENT, topic, encodeJson({ ...event, at: '1970-01-01T00:00:09.000Z' })));
    const arrived = new Date(ARRIVED_MS).toISOString();
    expect(calls[2]?.[2]).toEqual({ ...event, at: arrived, until: arrived });
  });

  it.each([
    ['status', 'no JSON'],
    ['cameras', '{"cameras":[{"id":"Not An Id"}]}'],
    ['health', '{}'],
    ['reply', '{"id":"short","ok":true}'],
    ['event', '{"kind":"gap"}'],
    ['telemetry/climate', '{"nothing":"numeric"}'],
  ])('refuses a bad %s for good, so that it is not sent again', async (leaf, payload) => {
    const { messages, calls } = wired();
    await expect(
      messages.onMessage(message(AGENT, `sitecast/v1/yard/gateway/${leaf}`, Buffer.from(payload))),
    ).rejects.toMatchObject({ code: 'FRAME_MALFORMED', retryable: false });
    expect(calls).toEqual([]);
  });

  it.each(['cmd', 'errors', 'live-ack'])('refuses what a device writes to %s', async (leaf) => {
    const { messages } = wired();
    await expect(
      messages.onMessage(message(AGENT, `sitecast/v1/yard/gateway/${leaf}`, Buffer.from('{}'))),
    ).rejects.toMatchObject({ code: 'FORBIDDEN', retryable: false });
  });

  it('takes pictures and live frames only from the agent that has the camera', async () => {
    const { messages, calls } = wired({ mayPublish: false });
    for (const leaf of ['snapshot', 'clip', 'event']) {
      await expect(
        messages.onMessage(message(AGENT, `sitecast/v1/yard/gateway/cam/front/${leaf}`, Buffer.alloc(9))),
      ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    const topic = parseTopic('sitecast/v1/yard/gateway/cam/front/live/main');
    if (topic?.kind !== 'live') throw new Error('not a live topic');
    messages.onLiveFrame(AGENT, topic, Buffer.alloc(100));
    expect(calls).toEqual([]);
    expect(messages.liveCounters).toEqual({ framesReceived: 1, bytesReceived: 100, framesOfOthers: 1 });
  });

  it('has the relay look at what cameras offer once their inventory is in force', async () => {
    const { messages, calls } = wired();
    await messages.onMessage(message(AGENT, 'sitecast/v1/yard/gateway/cameras', encodeJson({ cameras: [] })));
    expect(calls.map(([name]) => name)).toEqual(['inventory', 'offers']);
    expect(calls[1]).toEqual(['offers', 'yard']);
  });

  it('hands live frames on without a copy', () => {
    const { messages, calls } = wired();
    const topic = parseTopic('sitecast/v1/yard/gateway/cam/front/live/stills');
    if (topic?.kind !== 'live') throw new Error('not a live topic');
    const bytes = Buffer.alloc(100);
    messages.onLiveFrame(AGENT, topic, bytes);
    expect(calls[0]?.slice(0, 3)).toEqual(['frame', { site: 'yard', id: 'front' }, 'stills']);
    expect(calls[0]?.[3]).toBe(bytes);
  });
});

function message(from: DeviceAddress, topic: string, payload: Uint8Array) {
  const parsed = parseTopic(topic);
  if (!parsed) throw new Error(`${topic} is no topic`);
  return { from, topic: parsed, payload: Buffer.from(payload), receivedAtMs: ARRIVED_MS };
}

/** Everything around it only writes down that it was called. */
function wired({ mayPublish = true, anotherKey }: { mayPublish?: boolean; anotherKey?: string } = {}) {
  const calls: unknown[][] = [];
  const note =
    (name: string) =>
    async (...args: unknown[]): Promise<void> =>
      void calls.push([name, ...args]);
  const samples = new UnmappedSamples();
  const options = {
    foreign: new ForeignIntake({ samples, discovered: new DiscoveredValues({ query: async () => [] }) }),
    evidence: {
      seals: { accept: note('seal') },
      keys: { seen: async () => anotherKey && { keyId: anotherKey } },
    },
    fleet: {
      mayPublish: () => mayPublish,
      sensorSeen: note('sensorSeen'),
      applyStatus: note('status'),
      applyInventory: note('inventory'),
      applyHealth: note('health'),
    },
    updates: { publish: note('publish') },
    commands: { acceptReply: note('reply'), tellTime: note('time') },
    snapshots: { accept: note('snapshot') },
    clips: { accept: note('clip') },
    events: { insert: note('event'), insertOfAgent: note('agent-event') },
    outages: { followCamera: note('outages') },
    readings: { add: note('readings') },
    live: { acceptFrame: note('frame'), offersChanged: note('offers') },
  };
  return { calls, samples, messages: new DeviceMessages(options as unknown as DeviceMessagesOptions) };
}
