import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MIGRATION_ADVISORY_LOCK_KEY, Queue } from 'bullmq';
import { createLogger } from '@sitecast/shared/node/logger';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { withClient } from '../../src/postgres/databases.ts';
import {
  MAX_JOB_BYTES,
  openQueue,
  QUEUE_CALLS_UNANSWERED_MAX,
  type JobQueue,
} from '../../src/queues/job-queue.ts';
import { RepeatedJobs } from '../../src/queues/repeated-jobs.ts';
import { testLogger, useOwnPostgres, type TestPostgres } from '../support/postgres.ts';
import { freePort, launchRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

interface Work {
  n: number;
  more?: string;
}

type Home = () => Promise<{ redisUrl?: string; databaseUrl: string }>;

describe('a job queue on PostgreSQL', () => {
  const postgres = useOwnPostgres();
  behavesLikeAQueue(async () => ({ databaseUrl: await databaseOf(postgres) }));

  it('goes on after PostgreSQL was killed and came back', async () => {
    const queue = await open({ databaseUrl: await databaseOf(postgres) });
    const done: number[] = [];
    queue.process(2, async ({ n }) => void done.push(n));
    await queue.add('first', { n: 1 });
    await waitFor('the first job', () => done.includes(1));
    process.kill(postgres.server.pid, 'SIGKILL');
    await waitFor('the end of PostgreSQL', () => !postgres.server.isRunning);
    await expect(queue.add('second', { n: 2 })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
    });
    await postgres.server.restart();
    await waitFor('the queue', () =>
      queue.add('third', { n: 3 }).then(
        () => true,
        () => false,
      ),
    );
    await waitFor('the third job', () => done.includes(3));
  });
});

describe('a job queue that was worked on while the clock was ahead', () => {
  const postgres = useOwnPostgres();

  it('takes up what a killed worker left, and what is to be tried again, as ever', async () => {
    const databaseUrl = await databaseOf(postgres);
    const before = await open({ databaseUrl });
    await before.add('left', { n: 1 });
    await before.add('tried', { n: 2 });
    const aheadMs = Date.now() + 100 * 86_400_000;
    await withClient(databaseUrl, async (client) => {
      await client.query(
        `update bullmq.job set state = 'active', lock_token = 'of-one-that-was-killed', locked_until_ms = $1 where id = 'left'`,
        [aheadMs],
      );
      await client.query(`update bullmq.job set state = 'delayed', process_at_ms = $1 where id = 'tried'`, [
        aheadMs,
      ]);
      await client.query(
        `insert into bullmq.meta (queue, field, value) values ($1, 'stalled-check', $2)
         on conflict (queue, field) do update set value = excluded.value`,
        [before.name, String(aheadMs)],
      );
    });
    await before.close();
    const after = await open({ databaseUrl });
    const done: number[] = [];
    after.process(1, async ({ n }) => void done.push(n));
    await waitFor('both jobs', () => done.toSorted().join() === '1,2');
  });
});

describe('a job queue whose PostgreSQL dies while the worker is at its migrations', () => {
  const postgres = useOwnPostgres();

  it('survives, and does its jobs once PostgreSQL is back', async () => {
    const databaseUrl = await databaseOf(postgres);
    const queue = await open({ databaseUrl });
    const done: number[] = [];
    await withClient(databaseUrl, async (other) => {
      await other.query('select pg_advisory_lock($1, hashtext($2))', [MIGRATION_ADVISORY_LOCK_KEY, 'bullmq']);
      queue.process(1, async ({ n }) => void done.push(n));
      await waitFor('the worker to wait for the other migrator', async () => {
        const { rowCount } = await other.query(
          `select from pg_locks where locktype = 'advisory' and not granted`,
        );
        return rowCount === 1;
      });
      process.kill(postgres.server.pid, 'SIGQUIT');
      await waitFor('the end of PostgreSQL', () => !postgres.server.isRunning);
    });
    await postgres.server.restart();
    await waitFor('the queue', () =>
      queue.add('first', { n: 1 }).then(
        () => true,
        () => false,
      ),
    );
    await waitFor('the job', () => done.includes(1));
  });
});

describe.skipIf(!requireTool('redis-server', 'job queues on Redis'))('a job queue on Redis', () => {
  behavesLikeAQueue(async () => ({ databaseUrl: 'postgres://unused', redisUrl: await startRedis() }));

  it('refuses while Redis is away, and goes on when it is back', async () => {
    const port = await freePort();
    const first = await launchRedis(port);
    const queue = await open({ redisUrl: `redis://127.0.0.1:${port}`, databaseUrl: '' });
    const done: number[] = [];
    queue.process(1, async ({ n }) => void done.push(n));
    await first.end();
    await expect(queue.add('during', { n: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await launchRedis(port);
    await waitFor('the queue', () =>
      queue.add('after', { n: 2 }).then(
        () => true,
        () => false,
      ),
    );
    await waitFor('the job', () => done.includes(2));
  });

  it('asks a Redis that hangs once, however many want to know', async () => {
    const port = await freePort();
    const redis = await launchRedis(port);
    const queue = await open({ redisUrl: `redis://127.0.0.1:${port}`, databaseUrl: '' });
    expect(await queue.counts()).toEqual({ waiting: 0, active: 0 });
    const asked = vi.spyOn(Queue.prototype, 'getJobCounts');
    onTestFinished(() => asked.mockRestore());
    redis.hang();
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.allSettled(Array.from({ length: 20 }, () => queue.counts()));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill('rejected'));
    }
    expect(asked).toHaveBeenCalledTimes(1);
    redis.goOn();
    await waitFor('an answer', () =>
      queue.counts().then(
        () => true,
        () => false,
      ),
    );
  });

  it('does not ask a Redis that hangs for more and more', async () => {
    const port = await freePort();
    const redis = await launchRedis(port);
    const queue = await open({ redisUrl: `redis://127.0.0.1:${port}`, databaseUrl: '' });
    await queue.add('before', { n: 0 });
    const asked = vi.spyOn(Queue.prototype, 'add');
    onTestFinished(() => asked.mockRestore());
    redis.hang();
    const refused = { status: 'rejected', reason: expect.objectContaining({ code: 'STORE_UNAVAILABLE' }) };
    const jobs = Array.from({ length: 40 }, (_, n) => queue.add(`while it hangs, ${n}`, { n }));
    expect(await Promise.allSettled(jobs)).toEqual(Array(40).fill(refused));
    expect(asked).toHaveBeenCalledTimes(QUEUE_CALLS_UNANSWERED_MAX);
    expect(queue.counters).toMatchObject({ jobsAdded: 1, callsRefused: 40 - QUEUE_CALLS_UNANSWERED_MAX });
    redis.goOn();
    await waitFor('an answer', () =>
      queue.add('after', { n: 1 }).then(
        () => true,
        () => false,
      ),
    );
    // What was asked for in vain was done all the same once Redis went on: a job may come twice, and none is held for ever.
    expect(await queue.counts()).toEqual({ waiting: 2 + QUEUE_CALLS_UNANSWERED_MAX, active: 0 });
  });

  it('is refused on a Redis that may evict jobs', async () => {
    const redisUrl = await startRedis(['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru']);
    await expect(
      openQueue({ name: 'q', redisUrl, databaseUrl: '', logger: testLogger }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('allkeys-lru'),
    });
  });

  it('says so when there is no Redis, without its password', async () => {
    const redisUrl = `redis://:hush@127.0.0.1:${await freePort()}`;
    const opening = openQueue({ name: 'q', redisUrl, databaseUrl: '', logger: testLogger });
    await expect(opening).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.not.stringContaining('hush'),
    });
  });
});

function behavesLikeAQueue(home: Home): void {
  it('gives itself jobs by the clock of a place, until it is told to stop', async () => {
    const queue = await open(await home());
    const repeats = new RepeatedJobs<Work>(queue);
    const done: number[] = [];
    queue.process(1, async ({ n }) => void done.push(n));
    const eachSecond = { pattern: '* * * * * *', timeZone: 'Asia/Seoul' };
    await repeats.set('each-second', eachSecond, { n: 7 });
    await waitFor('two of its jobs', () => done.length >= 2);
    expect(new Set(done)).toEqual(new Set([7]));
    expect(await repeats.list()).toEqual(new Map([['each-second', eachSecond]]));
    await repeats.remove('each-second');
    expect(await repeats.list()).toEqual(new Map());
    await waitFor('none to be left', async () => (await queue.counts()).waiting === 0);
  });

  it('runs each job once, at most as many at once as asked', async () => {
    const queue = await open(await home());
    const ran: number[] = [];
    let [now, most] = [0, 0];
    queue.process(2, async ({ n }) => {
      most = Math.max(most, (now += 1));
      await new Promise((resolve) => setTimeout(resolve, 15));
      now -= 1;
      ran.push(n);
    });
    await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add(`job-${n}`, { n })));
    await waitFor('all jobs', () => ran.length >= 20);
    expect([...ran].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(most).toBe(2);
  });

  it('begins without a word of trouble', async () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const logger = createLogger({ name: 'test', level: 'warn', destination });
    const queue = await openQueue<Work>({ name: 'test', ...(await home()), logger });
    onTestFinished(() => queue.close());
    queue.process(1, async () => undefined);
    await queue.add('one', { n: 1 });
    await waitFor('the job', () => queue.counters.jobsDone === 1);
    expect(lines).toEqual([]);
  });

  it('holds its bound exactly, also when many add at once, and takes jobs again after some are done', async () => {
    const queue = await open(await home(), 5);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => queue.add(`job-${n}`, { n })),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(7);
    expect(refused[0]?.reason).toMatchObject({ code: 'QUEUE_FULL', retryable: true });
    expect(await queue.counts()).toEqual({ waiting: 5, active: 0 });
    queue.process(1, async () => undefined);
    await waitFor('room', async () => (await queue.counts()).waiting === 0);
    await queue.add('one-more', { n: 99 });
    expect(queue.counters).toMatchObject({ jobsAdded: 6, jobsRefused: 7 });
  });

  it('counts the jobs that wait for another to end, once each', async () => {
    const queue = await open(await home());
    const ends: (() => void)[] = [];
    queue.process(1, () => new Promise((resolve) => ends.push(resolve)));
    await queue.add('first', { n: 1 });
    await waitFor('the first job', () => ends.length === 1);
    for (const n of [2, 3]) await queue.add(`job-${n}`, { n });
    await queue.add('job-3', { n: 3 });
    for (const begun of [1, 2, 3]) {
      await waitFor(`job ${begun}`, () => ends.length === begun);
      ends[begun - 1]?.();
    }
    await waitFor('all jobs', () => queue.counters.jobsDone === 3);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await queue.add('alone', { n: 4 });
    await waitFor('the last job', () => ends.length === 4);
    ends[3]?.();
    expect(queue.counters.jobsHeldUp).toBe(2);
  });

  it('refuses a job that is too large, and counts it', async () => {
    const queue = await open(await home());
    const adding = queue.add('large', { n: 1, more: 'x'.repeat(MAX_JOB_BYTES) });
    await expect(adding).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', retryable: false });
    expect(queue.counters).toMatchObject({ jobsAdded: 0, jobsTooLarge: 1 });
  });

  it('keeps one job an id while it waits, and takes the id again once it is done', async () => {
    const queue = await open(await home());
    await queue.add('same', { n: 1 });
    await queue.add('same', { n: 2 });
    const ran: number[] = [];
    queue.process(1, async ({ n }) => void ran.push(n));
    await waitFor('the job', () => ran.length > 0);
    await waitFor('an empty queue', async () =>
      Object.values(await queue.counts()).every((count) => count === 0),
    );
    await queue.add('same', { n: 3 });
    await waitFor('the same id again', () => ran.includes(3));
    expect(ran).toEqual([1, 3]);
  });

  it('tries a job again that failed', async () => {
    const queue = await open(await home());
    let tries = 0;
    queue.process(1, async () => {
      tries += 1;
      if (tries === 1) throw new Error('not yet');
    });
    await queue.add('flaky', { n: 1 });
    await waitFor('the second try', () => queue.counters.jobsDone === 1);
    expect(queue.counters.attemptsFailed).toBe(1);
  });

  it('waits for a running job when it closes, and is refused afterwards', async () => {
    const queue = await open(await home());
    let isDone = false;
    queue.process(1, async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      isDone = true;
    });
    await queue.add('slow', { n: 1 });
    await waitFor('the job to start', async () => (await queue.counts()).active === 1);
    await queue.close();
    expect(isDone).toBe(true);
    await expect(queue.add('late', { n: 2 })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('finds the jobs of the process before it', async () => {
    const shared = await home();
    const before = await open(shared);
    await before.add('left', { n: 7 });
    await before.close();
    const ran: number[] = [];
    const after = await open(shared);
    after.process(1, async ({ n }) => void ran.push(n));
    await waitFor('the job left behind', () => ran.includes(7));
  });
}

async function open(home: Awaited<ReturnType<Home>>, maxWaiting?: number): Promise<JobQueue<Work>> {
  const queue = await openQueue<Work>({ name: 'test', ...home, maxWaiting, logger: testLogger });
  onTestFinished(() => queue.close());
  return queue;
}

async function databaseOf(postgres: TestPostgres): Promise<string> {
  const db = await postgres.createDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  return db.url;
}

async function startRedis(args: string[] = []): Promise<string> {
  const port = await freePort();
  await launchRedis(port, args);
  return `redis://127.0.0.1:${port}`;
}
