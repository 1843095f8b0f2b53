import { describe, expect, it } from 'vitest';
import { csvText, fileName } from '../../src/telemetry/csv.ts';

describe('a text in CSV', () => {
  it.each([
    ['°C', '°C'],
    ['', ''],
    ['a,b', '"a,b"'],
    ['5" pipe', '"5"" pipe"'],
    ['two\nlines', '"two\nlines"'],
    ['two\r\nlines', '"two\r\nlines"'],
    ['=1+1', `'=1+1`],
    ['+1', `'+1`],
    ['-1', `'-1`],
    ['@sum', `'@sum`],
    ['\tx', `'\tx`],
    ['\rx', `"'\rx"`],
    ['=a,"b"', `"'=a,""b"""`],
    ['1-1', '1-1'],
    ['＝1+1', `'＝1+1`],
    ['＋1', `'＋1`],
    ['－1', `'－1`],
    ['＠sum', `'＠sum`],
  ])('%j is written as %j', (text, written) => {
    expect(csvText(text)).toBe(written);
  });
});

describe('the name of a CSV file', () => {
  const period = { from: new Date('2026-01-02T03:04:05.678Z'), to: new Date('2026-02-03T00:00:00Z') };

  it('says what is in it, in characters that every system takes', () => {
    expect(fileName(['telemetry', 'yard', undefined, 'a:b"c'], period, '.csv')).toBe(
      'telemetry_yard_a-b-c_20260102T030405Z_20260203T000000Z.csv',
    );
  });
});
