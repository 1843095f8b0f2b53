import { expect, test } from 'vitest';
import { keysThatNeedRestart } from '../src/config-changes.ts';
import { agentConfigSchema, type AgentConfig } from '../src/config.ts';

function config(changes: object = {}, outside: Partial<AgentConfig> = {}): AgentConfig {
  const settings = agentConfigSchema.parse({
    site: 'demo',
    agent: 'gateway',
    uplink: { url: 'mqtt://server:1883', mediaUrl: 'mqtt://server:1884', secretFile: 'secret' },
    cameras: [{ id: 'front', source: 'demo:front' }],
    ...changes,
  });
  return { ...settings, secret: 's3cret', caPem: undefined, siteBroker: settings.siteBroker, ...outside };
}

const restartsFor = (changes: object, outside: Partial<AgentConfig> = {}): string[] =>
  keysThatNeedRestart(config(), config(changes, outside));

test('nothing needs a restart when nothing changed, or cameras and rules alone', () => {
  expect(restartsFor({})).toEqual([]);
  expect(
    restartsFor({
      cameras: [{ id: 'back', source: 'demo:back' }],
      rules: [{ id: 'seen', when: { event: 'motion' }, then: [{ snapshot: 'back' }] }],
    }),
  ).toEqual([]);
});

test('each other key is named once, as deep as it helps', () => {
  const uplink = { url: 'mqtt://other:1883', mediaUrl: 'mqtt://server:1884', secretFile: 'secret' };
  expect(restartsFor({ site: 'other', dataDir: '/data', uplink })).toEqual(['site', 'dataDir', 'uplink.url']);
  expect(restartsFor({ spool: { replayPercent: 80 }, encoders: { maxRssBytes: 2 ** 27 } })).toEqual(
    expect.arrayContaining(['spool.replayPercent', 'encoders.maxRssBytes']),
  );
  expect(restartsFor({ clips: {}, siteBroker: { anonymous: true } }).sort()).toEqual(['clips', 'siteBroker']);
  expect(restartsFor({ sensors: [{ id: 'climate', source: 'demo:climate' }] })).toEqual(['sensors']);
});

test('what is in other files is named by the key that leads there, and no value is told', () => {
  expect(restartsFor({}, { secret: 'an0ther', caPem: 'PEM' })).toEqual(['uplink.secretFile', 'uplink.ca']);
  const broker = (password: string): object => ({ siteBroker: { credentials: [{ user: 'a', password }] } });
  const keys = keysThatNeedRestart(config(broker('hunter2')), config(broker('hunter3')));
  expect(keys).toEqual(['siteBroker.credentials']);
});
