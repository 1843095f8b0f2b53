import { pino } from 'pino';
import { expect, test } from 'vitest';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { ManualClock } from '../support.ts';

test('QuietLog writes each code at most once a minute, and says how many it kept back', () => {
  const lines: { code: string; suppressed?: number }[] = [];
  const clock = new ManualClock();
  const log = new QuietLog(pino({}, { write: (line) => void lines.push(JSON.parse(line)) }), clock);
  for (let n = 0; n < 1_000; n += 1) log.warn('A', {}, 'again');
  log.warn('B', {}, 'other');
  clock.advance(60_000);
  log.warn('A', {}, 'again');
  expect(lines.map(({ code, suppressed }) => [code, suppressed])).toEqual([
    ['A', undefined],
    ['B', undefined],
    ['A', 999],
  ]);
  for (let n = 0; n < 10_000; n += 1) log.warn(`code ${n}`, {}, 'codes of a hostile server');
  log.clear();
  log.warn('A', {}, 'news');
  expect(lines.at(-1)?.code).toBe('A');
});
