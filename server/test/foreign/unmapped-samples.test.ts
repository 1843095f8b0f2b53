import { expect, test } from 'vitest';
import {
  SAMPLE_PAYLOAD_BYTES,
  SAMPLES_MAX,
  SAMPLES_PER_DEVICE_MAX,
  UnmappedSamples,
} from '../../src/foreign/unmapped-samples.ts';

const note = (samples: UnmappedSamples, id: string, topic: string, payload = '1'): void =>
  samples.note({ site: 'yard', id }, { topic, reason: 'none', payload: Buffer.from(payload), atMs: 0 });

test('One device keeps its newest topics only, and pushes out none of another', () => {
  const samples = new UnmappedSamples();
  note(samples, 'quiet', 'once');
  for (let n = 0; n < 5_000; n += 1) note(samples, 'loud', `t/${n}`);
  const topics = samples.list().map(({ topic }) => topic);
  expect(topics).toHaveLength(SAMPLES_PER_DEVICE_MAX + 1);
  expect(topics[0]).toBe('t/4999');
  expect(topics).toContain('once');
  expect(samples.counters).toEqual({
    messagesUnmapped: 5_001,
    samplesForgotten: 5_000 - SAMPLES_PER_DEVICE_MAX,
  });
});

test('All devices together keep as many as there may be, the newest', () => {
  const samples = new UnmappedSamples();
  for (let n = 0; n < SAMPLES_MAX + 10; n += 1) note(samples, `d${n}`, 'x');
  expect(samples.list()).toHaveLength(SAMPLES_MAX);
  expect(samples.list().at(-1)?.device).toBe('d10');
});

test('A payload is kept from its beginning, as text that any page and log can take', () => {
  const samples = new UnmappedSamples();
  note(samples, 'a', 'long', 'ä'.repeat(SAMPLE_PAYLOAD_BYTES));
  const hostile = Buffer.from([0xff, 0x00, 0x1b, 0xed, 0xa0, 0x80]);
  samples.note({ site: 'yard', id: 'a' }, { topic: '\0\ud800', reason: 'x', payload: hostile, atMs: 0 });
  note(samples, 'a', 'secret', 'rtsp://admin:hunter2@10.0.0.7/live');
  const [secret, odd, long] = samples.list();
  expect(secret?.payload).not.toContain('hunter2');
  expect(JSON.stringify(odd)).not.toMatch(/\\u0000|\\ud800/);
  expect(Buffer.byteLength(long?.payload ?? '')).toBeLessThanOrEqual(SAMPLE_PAYLOAD_BYTES + 2);
  expect(long?.payloadBytes).toBe(2 * SAMPLE_PAYLOAD_BYTES);
});
