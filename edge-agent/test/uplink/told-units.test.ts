import { expect, test } from 'vitest';
import { parseReadings, type Reading } from '@sitecast/shared/protocol/telemetry';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { Outbox } from '../../src/uplink/outbox.ts';
import { ManualClock, silentLogger } from '../support.ts';

const HOUR_MS = 3_600_000;
const READING: Reading = { tsMs: 1.8e12, values: { temperature: 21, door: 1 }, units: { temperature: '°C' } };

test('A unit goes with the first reading of its series, again each hour, and at once when it is another one', async () => {
  const { outbox, unitsSent, clock } = opened();
  await outbox.reading('climate', READING);
  await outbox.readings('climate', [READING, READING]);
  await outbox.reading('other', READING);
  clock.advance(HOUR_MS);
  await outbox.reading('climate', READING);
  await outbox.reading('climate', { ...READING, units: { temperature: '°F' } });
  await outbox.reading('climate', READING);
  const celsius = { temperature: '°C' };
  expect(unitsSent).toEqual([
    celsius,
    undefined,
    undefined,
    celsius,
    celsius,
    { temperature: '°F' },
    celsius,
  ]);
});

test('A unit that did not get into the spool is told with the next reading', async () => {
  const { outbox, unitsSent, spool } = opened();
  spool.isFull = true;
  await expect(outbox.reading('climate', READING)).rejects.toThrow('full');
  spool.isFull = false;
  await outbox.reading('climate', READING);
  expect(unitsSent).toEqual([{ temperature: '°C' }]);
});

function opened() {
  const clock = new ManualClock();
  const unitsSent: (Record<string, string> | undefined)[] = [];
  const spool = {
    isFull: false,
    put: async (_lane: string, _topic: string, payload: Uint8Array): Promise<void> => {
      if (spool.isFull) throw new Error('full');
      for (const { units } of parseReadings(payload, 1.8e12)) unitsSent.push(units);
    },
  };
  const address = { site: 'yard', agent: 'gateway' };
  const outbox = new Outbox({ address, spool, log: new QuietLog(silentLogger), clock });
  return { outbox, unitsSent, spool, clock };
}
