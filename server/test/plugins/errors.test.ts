import Fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { createLogger } from '@sitecast/shared/node/logger';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { errorAnswers } from '../../src/plugins/errors.ts';
import { ManualClock } from '../support/manual-clock.ts';

it.each(['STORE_UNAVAILABLE', 'QUEUE_FULL', 'MEMORY_PRESSURE'] as const)(
  'refusals with %s are told by one line an interval, with their number and without a stack',
  async (code) => {
    const { ask, clock, lines } = await serverThatThrows(
      () => new AppError(code, '50 callers wait for a PostgreSQL connection already', { retryable: true }),
    );
    const answers = await Promise.all(Array.from({ length: 277 }, ask));
    expect(new Set(answers)).toEqual(new Set([code]));
    const line = {
      level: 40,
      code,
      msg: `requests are refused: ${code}`,
      reason: '50 callers wait for a PostgreSQL connection already',
    };
    expect(lines()).toMatchObject([{ ...line, suppressed: 0 }]);
    clock.advance(10_000);
    await ask();
    expect(lines()).toMatchObject([
      { ...line, suppressed: 0 },
      { ...line, suppressed: 276 },
    ]);
    expect(JSON.stringify(lines())).not.toContain('errors.test.ts');
  },
);

it('what is wrong in the server itself is told each time, with its stack', async () => {
  const { ask, lines } = await serverThatThrows(() => new TypeError('cannot be'));
  expect([await ask(), await ask()]).toEqual(['INTERNAL', 'INTERNAL']);
  expect(lines()).toMatchObject([{ level: 50 }, { level: 50 }]);
  for (const line of lines()) expect(JSON.stringify(line)).toContain('errors.test.ts');
});

async function serverThatThrows(makeError: () => Error) {
  const written: string[] = [];
  const logger = createLogger({
    name: 'test',
    destination: { write: (line: string) => void written.push(line) },
  });
  const clock = new ManualClock();
  const app = Fastify({ logger: false });
  onTestFinished(() => app.close());
  await app.register(errorAnswers, { logger, clock });
  app.addHook('onRequest', async (request) => void (request.log = logger));
  app.get('/', async () => {
    throw makeError();
  });
  return {
    clock,
    ask: async () => (await app.inject('/')).json<{ error: { code: string } }>().error.code,
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}
