import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../src/protocol/frame-header.ts';
import { parseTopic, topics, type ParsedTopic } from '../../src/protocol/topics.ts';
import { seededRandom } from '../random.ts';

const agent = { site: 'seoul-1', agent: 'gateway' };

const built: [topic: string, meaning: ParsedTopic][] = [
  [topics.status(agent), { ...agent, kind: 'status' }],
  [topics.cameras(agent), { ...agent, kind: 'cameras' }],
  [topics.health(agent), { ...agent, kind: 'health' }],
  [topics.command(agent), { ...agent, kind: 'command' }],
  [topics.reply(agent), { ...agent, kind: 'reply' }],
  [topics.liveAck(agent), { ...agent, kind: 'live-ack' }],
  [topics.agentErrors(agent), { ...agent, kind: 'agent-errors' }],
  [topics.agentAlerts(agent), { ...agent, kind: 'agent-alerts' }],
  [topics.sensorAlerts('seoul-1', 'climate'), { kind: 'sensor-alerts', site: 'seoul-1', sensor: 'climate' }],
  ...PROFILES.map((profile): [string, ParsedTopic] => [
    topics.live(agent, 'front', profile),
    { ...agent, kind: 'live', camera: 'front', profile },
  ]),
  [topics.snapshot(agent, 'front'), { ...agent, kind: 'snapshot', camera: 'front' }],
  [topics.clip(agent, 'front'), { ...agent, kind: 'clip', camera: 'front' }],
  [topics.agentEvent(agent), { ...agent, kind: 'agent-event' }],
  [topics.seal(agent), { ...agent, kind: 'seal' }],
  [topics.event(agent, 'front'), { ...agent, kind: 'event', camera: 'front' }],
  [topics.agentTelemetry(agent, 'climate'), { ...agent, kind: 'agent-telemetry', sensor: 'climate' }],
  [
    topics.sensorTelemetry('seoul-1', 'climate'),
    { kind: 'sensor-telemetry', site: 'seoul-1', sensor: 'climate' },
  ],
  [
    topics.sensorForeign('seoul-1', 'climate', 'tele/SENSOR'),
    { kind: 'sensor-foreign', site: 'seoul-1', sensor: 'climate', topic: 'tele/SENSOR' },
  ],
  [topics.sensorErrors('seoul-1', 'climate'), { kind: 'sensor-errors', site: 'seoul-1', sensor: 'climate' }],
];

describe('topics', () => {
  it.each(built)('%s is read as what it was built for', (topic, meaning) => {
    expect(parseTopic(topic)).toEqual(meaning);
  });

  it('have a builder each in the list above, and no two builders share a topic', () => {
    const kinds = new Set(built.map(([, { kind }]) => kind));
    expect(kinds.size).toBe(Object.keys(topics).length);
    expect(new Set(built.map(([topic]) => topic)).size).toBe(built.length);
  });

  // A foreign topic is anybody's; what is before it is ours.
  const ours = built.filter(([, { kind }]) => kind !== 'sensor-foreign');

  it.each(ours)('%s means nothing with a level more, less, empty, or turned into a wildcard', (topic) => {
    const levels = topic.split('/');
    const hostile = [
      `${topic}/`,
      `/${topic}`,
      `${topic}/x`,
      levels.slice(0, -1).join('/'),
      levels.slice(1).join('/'),
      ...levels.flatMap((_level, at) =>
        ['', '+', '#', 'A', '..', 'x\0', ' '].map((level) => levels.with(at, level).join('/')),
      ),
    ];
    for (const other of hostile) expect([other, parseTopic(other)]).toEqual([other, undefined]);
  });

  it.each([
    '',
    '/',
    '#',
    '+/+/+',
    '$SYS/broker/uptime',
    '$share/group/sitecast/v1/seoul-1/gateway/status',
    'sitecast/v2/seoul-1/gateway/status',
    'sitecast/v1/seoul-1/gateway/constructor',
    'sitecast/v1/seoul-1/gateway/__proto__',
    'sitecast/v1/seoul-1/gateway/toString',
    'sitecast/v1/seoul-1/sensors/status',
    'sitecast/v1/seoul-1/sensors/cmd',
    'sitecast/v1/seoul-1/sensors/cam/front/snapshot',
    'sitecast/v1/seoul-1/sensors/climate/foreign',
    'sitecast/v1/seoul-1/sensors/climate/foreign/',
    'sitecast/v1/seoul-1/sensors/climate/foreign/a//b',
    'sitecast/v1/seoul-1/sensors/climate/foreign/a/+',
    'sitecast/v1/seoul-1/sensors/climate/foreign/#',
    'sitecast/v1/seoul-1/sensors/climate/foreign/a\0',
    `sitecast/v1/seoul-1/sensors/climate/foreign/${'a/'.repeat(20)}a`,
    'sitecast/v1/seoul-1/sensors/Climate/foreign/a',
    'sitecast/v1/seoul-1/gateway/cam/front/live/4k',
    'sitecast/v1/seoul-1/gateway/cam/front/live',
    'sitecast/v1/seoul-1/gateway/cam/front/toString',
    'sitecast/v1/seoul-1/gateway/telemetry',
    '/'.repeat(65_535),
    `sitecast/v1/${'x'.repeat(65_000)}/gateway/status`,
  ])('%.60j means nothing', (topic) => {
    expect(parseTopic(topic)).toBeUndefined();
  });

  it('put together at random from known words mean something only when a builder makes the same', () => {
    const random = seededRandom(1);
    const words =
      'sitecast v1 seoul-1 gateway sensors cam front live main telemetry status errors cmd foreign x'.split(
        ' ',
      );
    const start = ['sitecast', 'v1', 'seoul-1'];
    let understood = 0;
    for (let round = 0; round < 30_000; round += 1) {
      const rest = Array.from({ length: random.int(6) }, () => random.pick(words));
      const topic = [...start, ...rest].join('/');
      const parsed = parseTopic(topic);
      if (!parsed) continue;
      understood += 1;
      expect(rebuild(parsed)).toBe(topic);
    }
    expect(understood).toBeGreaterThan(100);
  });
});

function rebuild(parsed: ParsedTopic): string {
  switch (parsed.kind) {
    case 'live':
      return topics.live(parsed, parsed.camera, parsed.profile);
    case 'snapshot':
    case 'clip':
    case 'event':
      return topics[parsed.kind](parsed, parsed.camera);
    case 'agent-telemetry':
      return topics.agentTelemetry(parsed, parsed.sensor);
    case 'sensor-telemetry':
      return topics.sensorTelemetry(parsed.site, parsed.sensor);
    case 'sensor-foreign':
      return topics.sensorForeign(parsed.site, parsed.sensor, parsed.topic);
    case 'sensor-alerts':
      return topics.sensorAlerts(parsed.site, parsed.sensor);
    case 'agent-alerts':
      return topics.agentAlerts(parsed);
    case 'sensor-errors':
      return topics.sensorErrors(parsed.site, parsed.sensor);
    case 'agent-event':
      return topics.agentEvent(parsed);
    case 'live-ack':
      return topics.liveAck(parsed);
    case 'agent-errors':
      return topics.agentErrors(parsed);
    case 'status':
    case 'cameras':
    case 'health':
    case 'seal':
    case 'command':
    case 'reply':
      return topics[parsed.kind](parsed);
  }
}
