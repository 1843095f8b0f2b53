import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Passwords } from '../../src/auth/passwords.ts';
import { Users } from '../../src/auth/users.ts';
import { runProgram } from '../../src/commands/program.ts';
import { Devices } from '../../src/fleet/devices.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';

const postgres = useTestPostgres();

describe('sitecast-server', () => {
  it('user: creates, lists, and sets a new password', async () => {
    await using test = await postgres.createDatabase();
    const env = { DATABASE_URL: test.url };
    const users = new Users({ database: test.database, passwords: new Passwords() });
    const made = await run(
      ['user', 'create', 'kim', '--role', 'operator', '--sites', 'yard,farm', '--json'],
      { env },
    );
    const { password } = JSON.parse(made.output) as { password: string };
    expect(await users.login('kim', password)).toMatchObject({ role: 'operator', sites: ['yard', 'farm'] });
    expect((await run(['user', 'list'], { env })).output).toMatch(
      /^USER\s+ROLE\s+SITES\nkim\s+operator\s+yard,farm\n$/,
    );

    const changed = await run(['user', 'password', 'kim', '--password-stdin'], {
      env,
      input: 'correct horse battery\n',
    });
    expect(changed.output).toBe('kim: done\n');
    expect(await users.login('kim', 'correct horse battery')).toBeDefined();
  });

  it('device: creates, lists, revokes', async () => {
    await using test = await postgres.createDatabase();
    const env = { DATABASE_URL: test.url };
    const made = await run(['device', 'create', 'yard', 'gateway', '--kind', 'agent', '--json'], { env });
    const { id, secret } = JSON.parse(made.output) as { id: string; secret: string };
    const devices = new Devices({ database: test.database, maxDevices: 10 });
    expect(await devices.authenticate(id, secret)).toEqual({ kind: 'agent', site: 'yard', id: 'gateway' });
    expect((await run(['device', 'list'], { env })).output).toContain('gateway');
    expect((await run(['device', 'revoke', 'gateway'], { env })).code).toBe(0);
    const again = await run(['device', 'revoke', 'gateway'], { env });
    expect([again.code, again.errors]).toEqual([
      1,
      'sitecast-server: there is no device gateway (NOT_FOUND)\n',
    ]);
  });

  it('does in the container what README.md says to do there', async () => {
    await using test = await postgres.createDatabase();
    const env = { DATABASE_URL: test.url, MEMORY_LIMIT_BYTES: String(1.5 * 1024 ** 3) };
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const documented = [...readme.matchAll(/^docker compose exec (?:-T )?(\S+) (node \S+) ([^<\n]+)/gm)];
    const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
    const [, started = ''] = /^CMD (\[.+\])$/m.exec(dockerfile) ?? [];
    const start = (JSON.parse(started) as string[]).filter((word) => !word.startsWith('--'));
    const program = start.slice(0, 2).join(' ');
    const values: Record<string, string> = { SITE: 'yard', ID: 'gateway', NAME: 'kim' };
    const verbs: string[] = [];
    for (const [, service, called, words = ''] of documented) {
      expect([service, called]).toEqual(['server', program]);
      const argv = words.trim().split(' ');
      const given = argv.map((word) => values[word] ?? word);
      const { code, errors } = await run(given, { env, input: 'correct horse battery\n' });
      expect([words, code, errors]).toEqual([words, 0, '']);
      verbs.push(argv[0] ?? '');
    }
    expect(new Set(verbs)).toEqual(new Set(['limits', 'device', 'user']));
  });

  it('migrate: does nothing on a database that is up to date', async () => {
    await using test = await postgres.createDatabase();
    expect(await run(['migrate'], { env: { DATABASE_URL: test.url } })).toMatchObject({
      code: 0,
      output: 'the database is up to date\n',
    });
  });

  it('limits: prints the table and the sum without a database, and fails with 78 when it does not fit', async () => {
    const roomy = await run(['limits'], { env: { MEMORY_LIMIT_BYTES: String(1.5 * 1024 ** 3) } });
    expect(roomy.code).toBe(0);
    expect(roomy.output).toMatch(/live streams\s+5\s+streams\s+reject\s+40\.0\s+MAX_STREAMS/);
    expect(roomy.output).toMatch(/Sum [\d.]+ MiB of 1536\.0 MiB \(MEMORY_LIMIT_BYTES\): fits\n$/);
    const tight = await run(['limits', '--json'], { env: { MEMORY_LIMIT_BYTES: String(128 * 1024 ** 2) } });
    expect(tight.code).toBe(78);
    expect(JSON.parse(tight.output)).toMatchObject({ fits: false, memory: { source: 'MEMORY_LIMIT_BYTES' } });
  });

  it('start: where the limits do not fit, tells the table that `limits` prints, and fails with 78', async () => {
    const env = { MEMORY_LIMIT_BYTES: String(128 * 1024 ** 2), DATABASE_URL: 'postgres://unused' };
    const [limits, started] = [await run(['limits'], { env }), await run(['start'], { env })];
    expect([limits.code, started.code]).toEqual([78, 78]);
    expect(started.errors).toContain(limits.output);
    expect(limits.output).toMatch(/Sum [\d.]+ MiB of 128\.0 MiB \(MEMORY_LIMIT_BYTES\): does not fit\n$/);
  });

  it.each([
    ['start without a database', ['start'], 78, /"DATABASE_URL"/],
    ['a verb that is none', ['fly'], 64, /unknown command 'fly'/],
    ['an option that is none', ['limits', '--nonsense'], 64, /unknown option/],
    [
      'a role that is none',
      ['user', 'create', 'kim', '--role', 'king'],
      64,
      /Allowed choices are viewer, operator, admin/,
    ],
    ['help', ['--help'], 0, /^$/],
    ['the version', ['--version'], 0, /^$/],
    ['a database that is away', ['migrate'], 1, /STORE_UNAVAILABLE/],
  ])('%s ends with its exit code', async (what, argv, code, errors) => {
    const env: Record<string, string> = what.startsWith('a database')
      ? { DATABASE_URL: 'postgres://kim:hunter2@127.0.0.1:1/x' }
      : {};
    const ended = await run(argv, { env });
    expect(ended.code).toBe(code);
    expect(ended.errors).toMatch(errors);
    expect(ended.errors).not.toContain('hunter2');
  });
});

async function run(
  argv: string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
) {
  let output = '';
  let errors = '';
  const context = {
    env,
    logger: testLogger,
    stopping: new AbortController().signal,
    print: (text: string) => void (output += text),
    readInput: async () => input,
  };
  const code = await runProgram(argv, context, '0.0.0-test', (text) => void (errors += text));
  return { code, output, errors };
}
