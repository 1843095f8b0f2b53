import { describe, expect, it } from 'vitest';
import {
  MAX_READING_AHEAD_MS,
  MAX_READINGS_PER_MESSAGE,
  MAX_TELEMETRY_PAYLOAD_BYTES,
  MAX_VALUES_PER_READING,
} from '../../src/protocol/limits.ts';
import { parseReadings, type Reading } from '../../src/protocol/telemetry.ts';
import { appErrorOf, codeOrPass } from '../app-error-of.ts';
import { mutated, seededRandom } from '../random.ts';

const ARRIVAL = Date.UTC(2026, 2, 1, 9);
const read = (payload: string): Reading[] => parseReadings(Buffer.from(payload), ARRIVAL);
const refusal = (payload: string): string => {
  const { code, message } = appErrorOf(() => read(payload));
  return `${code}: ${message}`;
};

describe('readings', () => {
  it.each([
    ['21.5', [{ tsMs: ARRIVAL, values: { value: 21.5 } }]],
    [' -3e2 \n', [{ tsMs: ARRIVAL, values: { value: -300 } }]],
    ['{"temperature":21.5,"pm2.5":7}', [{ tsMs: ARRIVAL, values: { temperature: 21.5, 'pm2.5': 7 } }]],
    ['{"ts":1772355600000,"temperature":21.5}', [{ tsMs: 1_772_355_600_000, values: { temperature: 21.5 } }]],
    ['{"values":{"temperature":21.5}}', [{ tsMs: ARRIVAL, values: { temperature: 21.5 } }]],
    ['{"ts":null,"values":{"t":1}}', [{ tsMs: ARRIVAL, values: { t: 1 } }]],
    ['{"ts":1772355600000.4,"values":{"t":1}}', [{ tsMs: 1_772_355_600_000, values: { t: 1 } }]],
    ['{"ts":"2026-03-01T08:59:59.500Z","values":{"t":1}}', [{ tsMs: ARRIVAL - 500, values: { t: 1 } }]],
    ['{"ts":"2026-03-01T18:00:00+09:00","values":{"t":1}}', [{ tsMs: ARRIVAL, values: { t: 1 } }]],
    ['{"ts":"2026-03-01T18:00:00+0900","values":{"t":1}}', [{ tsMs: ARRIVAL, values: { t: 1 } }]],
    ['{"ts":"2026-03-01 09:00:00","values":{"t":1}}', [{ tsMs: ARRIVAL, values: { t: 1 } }]],
    ['{"door":true,"motion":false}', [{ tsMs: ARRIVAL, values: { door: 1, motion: 0 } }]],
    ['{"t":1,"unit":"C","list":[1],"none":null,"deep":{"x":1}}', [{ tsMs: ARRIVAL, values: { t: 1 } }]],
    ['{"t":1e300,"tiny":-5e-324}', [{ tsMs: ARRIVAL, values: { t: 1e300, tiny: 0 } }]],
    ['{"values":7}', [{ tsMs: ARRIVAL, values: { values: 7 } }]],
    ['{"constructor":1,"toString":2}', [{ tsMs: ARRIVAL, values: { constructor: 1, toString: 2 } }]],
    [
      '[{"ts":1772355600000,"values":{"t":1}},{"t":2}]',
      [
        { tsMs: 1_772_355_600_000, values: { t: 1 } },
        { tsMs: ARRIVAL, values: { t: 2 } },
      ],
    ],
  ])('%s is read', (payload, readings) => {
    expect(read(payload)).toEqual(readings);
  });

  it('takes a time without an offset for UTC, whatever the zone of the machine', () => {
    const before = process.env.TZ;
    process.env.TZ = 'Asia/Seoul';
    try {
      expect(new Date(ARRIVAL).getHours()).toBe(18);
      expect(read('{"ts":"2026-03-01T09:00:00","t":1}')[0]?.tsMs).toBe(ARRIVAL);
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  it.each([
    ['', 'FRAME_MALFORMED: the payload is not UTF-8 JSON'],
    ['21,5', 'FRAME_MALFORMED: the payload is not UTF-8 JSON'],
    ['"21.5"', 'FRAME_MALFORMED: a reading is an object, or a number by itself, got "21.5"'],
    ['null', 'FRAME_MALFORMED: a reading is an object, or a number by itself, got null'],
    ['true', 'FRAME_MALFORMED: a reading is an object, or a number by itself, got true'],
    ['[]', 'FRAME_MALFORMED: 1 to 1000 readings a message, got 0'],
    ['[1,2]', 'FRAME_MALFORMED: a reading is an object, or a number by itself, got 1'],
    ['[[{"t":1}]]', 'FRAME_MALFORMED: a reading is an object, or a number by itself, got an array'],
    ['{}', 'FRAME_MALFORMED: a reading must hold at least one number'],
    ['{"ts":1772355600000}', 'FRAME_MALFORMED: a reading must hold at least one number'],
    ['{"values":{}}', 'FRAME_MALFORMED: a reading must hold at least one number'],
    ['{"t":"21.5"}', 'FRAME_MALFORMED: a reading must hold at least one number'],
    ['1e999', 'FRAME_MALFORMED: value is above 1e+300 or below its negative'],
    ['{"t":-1e999}', 'FRAME_MALFORMED: t is above 1e+300 or below its negative'],
    ['{"t":1.7e308}', 'FRAME_MALFORMED: t is above 1e+300 or below its negative'],
    ['{"a b":1}', 'FRAME_MALFORMED: metric "a b" is not a name'],
    ['{"__proto__":1}', 'FRAME_MALFORMED: metric "__proto__" is not a name'],
    ['{"t":1,"a\\u0000":1}', 'FRAME_MALFORMED: metric "a\\u0000" is not a name'],
  ])('%j is refused', (payload, message) => {
    expect(refusal(payload)).toBe(message);
  });

  it.each([
    '0',
    '1772355600',
    '-1',
    '1e999',
    '"5"',
    '"2026"',
    '"yesterday"',
    '"2026-02-30T00:00:00Z"',
    '"1772355600000"',
    'true',
    '{}',
    '[]',
    '{"toString":1,"toJSON":1}',
    `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    `"${'9'.repeat(60_000)}"`,
  ])('with the time %.40s are refused in a short sentence', (ts) => {
    expect(refusal(`{"ts":${ts},"t":1}`)).toMatch(
      /^FRAME_MALFORMED: ts .{1,100} is not a time between 2000 and tomorrow$/,
    );
  });

  it('of the far end of a clock that runs ahead pass, and of one ms more are refused', () => {
    expect(read(`{"ts":${ARRIVAL + MAX_READING_AHEAD_MS},"t":1}`)).toHaveLength(1);
    expect(refusal(`{"ts":${ARRIVAL + MAX_READING_AHEAD_MS + 1},"t":1}`)).toMatch(/^FRAME_MALFORMED: ts /);
  });

  it('are bounded in bytes, in number, and in values each', () => {
    const list = (length: number): string => `[${Array.from({ length }, () => '{"t":1}').join(',')}]`;
    const wide = (length: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length }, (_value, at) => [`m${at}`, at])));
    expect(read(list(MAX_READINGS_PER_MESSAGE))).toHaveLength(MAX_READINGS_PER_MESSAGE);
    expect(refusal(list(MAX_READINGS_PER_MESSAGE + 1))).toMatch(/^FRAME_MALFORMED: 1 to 1000 readings/);
    expect(Object.keys(read(wide(MAX_VALUES_PER_READING))[0]?.values ?? {})).toHaveLength(
      MAX_VALUES_PER_READING,
    );
    expect(refusal(wide(MAX_VALUES_PER_READING + 1))).toMatch(/^FRAME_MALFORMED: at most 64 values/);
    expect(read('1'.padEnd(MAX_TELEMETRY_PAYLOAD_BYTES))).toHaveLength(1);
    expect(refusal('1'.padEnd(MAX_TELEMETRY_PAYLOAD_BYTES + 1))).toMatch(/^PAYLOAD_TOO_LARGE: /);
  });

  it('one of which is bad are refused together, so that the sender hears of it', () => {
    expect(refusal('[{"t":1},{"t":"x"}]')).toBe('FRAME_MALFORMED: a reading must hold at least one number');
  });

  it('read from damaged payloads only ever throw a known AppError, or hold finite numbers and a time', () => {
    const random = seededRandom(7);
    const honest = [
      '21.5',
      '{"temperature":21.5,"h":1}',
      '[{"ts":1772355600000,"values":{"t":1}},{"ts":"2026-03-01T09:00:00Z","values":{"t":true}}]',
    ].map((text) => Buffer.from(text));
    let passed = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = mutated(random, random.pick(honest));
      let readings: Reading[] = [];
      const code = codeOrPass(() => (readings = parseReadings(bytes, ARRIVAL)), ['FRAME_MALFORMED']);
      if (code === undefined) passed += 1;
      for (const { tsMs, values } of readings) {
        expect(Number.isSafeInteger(tsMs)).toBe(true);
        expect(Object.keys(values).length).toBeGreaterThan(0);
        expect(Object.values(values).every(Number.isFinite)).toBe(true);
      }
    }
    expect(passed).toBeGreaterThan(1_000);
  });

  it('keeps the units beside values, and leaves out what is none', () => {
    const units = {
      temperature: '°C',
      humidity: 5,
      other: 'x',
      door: 'a unit of more than sixteen',
      power: '',
    };
    const values = { temperature: 21, humidity: 40, door: true, power: 3 };
    expect(read(JSON.stringify({ values, units }))[0]?.units).toEqual({ temperature: '°C' });
    for (const odd of ['metric', null, [], 3])
      expect(read(JSON.stringify({ values, units: odd }))[0]).not.toHaveProperty('units');
    expect(read(JSON.stringify({ temperature: 21, units: { temperature: '°C' } }))[0]).not.toHaveProperty(
      'units',
    );
  });
});
