import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createLogger, redact, type Logger } from '../../src/node/logger.ts';
import { AppError } from '../../src/runtime/app-error.ts';

describe('redact', () => {
  it.each([
    ['rtsp://admin:hunter2@10.0.0.2:554/h264', 'rtsp://***@10.0.0.2:554/h264'],
    ['rtsp://admin:hunter@2@10.0.0.2/h264', 'rtsp://***@10.0.0.2/h264'],
    ['rtsp://admin:hun/ter2@10.0.0.2/h264', 'rtsp://***@10.0.0.2/h264'],
    ['rtsp://admin:hun?te#r2@10.0.0.2/h264', 'rtsp://***@10.0.0.2/h264'],
    ["rtsp://admin:hun'ter2@10.0.0.2/h264", 'rtsp://***@10.0.0.2/h264'],
    ['rtsp://admin:hun"ter2@10.0.0.2/h264', 'rtsp://***@10.0.0.2/h264'],
    ['rtsp://admin:hun<ter>2@10.0.0.2/h264', 'rtsp://***@10.0.0.2/h264'],
    ['rtsp://admin:%40hunter2@10.0.0.2/', 'rtsp://***@10.0.0.2/'],
    ['rtsp://hunter2@10.0.0.2/', 'rtsp://***@10.0.0.2/'],
    ['RTSPS://admin:hunter2@[fe80::1]:322/x', 'RTSPS://***@[fe80::1]:322/x'],
    ['postgres://user:hunter2@db/sitecast', 'postgres://***@db/sitecast'],
    ['source_rtsp://admin:hunter2@cam/x', 'source_rtsp://***@cam/x'],
    ["could not open 'rtsp://admin:hunter2@cam/x': 401", "could not open 'rtsp://***@cam/x': 401"],
    ['{"url":"rtsp://admin:hunter2@cam/x","mail":"a@b"}', '{"url":"rtsp://***@cam/x","mail":"a@b"}'],
    ['["rtsp://cam/x","a@b"]', '["rtsp://cam/x","a@b"]'],
    ['rtsp://a:hunter2@cam/1 rtsp://b:hunter2@cam/2', 'rtsp://***@cam/1 rtsp://***@cam/2'],
    ['rtsp://a:hunter2@cam/1\nrtsp://cam/2', 'rtsp://***@cam/1\nrtsp://cam/2'],
    ['password=hunter2 next', 'password=*** next'],
    ['PGPASSWORD=hunter2', 'PGPASSWORD=***'],
    ['http://cam/cgi?usr=admin&pwd=hunter2&x=1', 'http://cam/cgi?usr=admin&pwd=***&x=1'],
    ['{"password":"hun\\"ter2","x":1}', '{"password":***,"x":1}'],
    ["secret: 'hunter2 with blanks'", 'secret: ***'],
    ['sessionSecret = hunter2', 'sessionSecret = ***'],
    ['x-api-key: hunter2', 'x-api-key: ***'],
    ['Authorization: Bearer hunter2', 'Authorization: ***'],
    [
      'Authorization: Digest username="admin", response="hunter2"\r\nCSeq: 2',
      'Authorization: ***\r\nCSeq: 2',
    ],
    ['Cookie: a=b; session=hunter2', 'Cookie: ***'],
    ['login/passwd: hunter2', 'login/passwd: ***'],
    ['/etc/passwd=hunter2', '/etc/passwd=***'],
    ['/cgi/passwd:hunter2', '/cgi/passwd:***'],
    ['/run/password: hunter2', '/run/password: ***'],
    ['"/etc/passwd": "hunter2"', '"/etc/passwd": ***'],
  ])('%j becomes %j', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  it.each([
    '',
    'rtsp://10.0.0.2:554/h264',
    'mail to a@b.example',
    'the password was wrong',
    'monkey: 1',
    'compass: north',
    'file:/etc/passwd: Invalid data found when processing input',
    '/etc/passwd: Permission denied',
    "open '/etc/nginx/passwd: no such file",
  ])('leaves %j as it is', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('changes nothing the second time', () => {
    const once = redact('rtsp://a:hunter2@cam/1 token=hunter2 Authorization: Bearer hunter2');
    expect(redact(once)).toBe(once);
  });

  it.each([
    ['://'.repeat(30_000)],
    ['a.'.repeat(50_000) + '://'],
    ['secret'.repeat(20_000)],
    [`secret${' '.repeat(100_000)}`],
    [`password="${'\\"'.repeat(50_000)}`],
    ['cookie:'.repeat(15_000)],
    ['/passwd: '.repeat(12_000)],
    [`/${'a/'.repeat(50_000)}passwd: x`],
  ])('of %.20j... for long does not take long', (text) => {
    // Of the processor, which a machine that stands still does not take.
    const before = process.cpuUsage();
    redact(text);
    const { user } = process.cpuUsage(before);
    expect(user / 1_000).toBeLessThan(3_000);
  });
});

function captured(): { logger: Logger; lines: () => Record<string, unknown>[]; text: () => string } {
  const written: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => void written.push(line) } });
  return {
    logger,
    text: () => written.join(''),
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

const PASSWORDS = ['hunter2', 'hun@ter2', 'hun/ter2', "hun'ter2", 'hun"ter2', 'hun\\ter2', 'hün테r2'];

describe('logger', () => {
  it.each(PASSWORDS)('writes no camera password such as %j, wherever the URL stands', (password) => {
    const { logger, lines, text } = captured();
    const url = `rtsp://admin:${password}@cam.example/h264`;
    logger.info({ source: url, list: [url], deep: { deeper: { url } } }, `opening ${url}`);
    logger.error(new Error(`could not open ${url}`));
    logger.error(
      {
        err: new AppError('SOURCE_UNREACHABLE', `no answer from ${url}`, {
          cause: new Error(url),
          detail: { url },
        }),
      },
      'capture failed',
    );
    logger.child({ url }).warn({ error: new Error(url) }, 'from a %s', url);
    expect(lines()).toHaveLength(4);
    const leak = JSON.stringify(password).slice(1, -1);
    for (const line of lines()) expect(JSON.stringify(line)).not.toContain(leak);
    expect(text()).not.toContain('admin:');
    expect(text()).toContain('rtsp://***@cam.example/h264');
  });

  it('keeps the code, message and stack of an error', () => {
    const { logger, lines } = captured();
    logger.error(
      { err: new AppError('QUEUE_FULL', 'rtsp://a:b@cam is full', { retryable: true }) },
      'no room',
    );
    expect(lines()[0]).toMatchObject({
      level: 50,
      name: 'test',
      msg: 'no room',
      err: { code: 'QUEUE_FULL', message: 'rtsp://***@cam is full', retryable: true },
    });
    expect(lines()[0]?.err).toHaveProperty('stack', expect.stringContaining('logger.test.ts'));
  });

  it.each(['password', 'secret', 'token', 'sessionSecret', 'authorization', 'cookie', 'apiKey', 'pwd'])(
    'hides the value of a field %j at any depth and of any type',
    (key) => {
      const { logger, lines, text } = captured();
      logger.info({ [key]: 'hunter2', a: { b: { c: [{ [key]: { x: 'hunter2' } }] } }, kept: 1 });
      logger.info({ req: { headers: { [key]: ['hunter2'] } } });
      expect(text()).not.toContain('hunter2');
      expect(lines()[0]).toMatchObject({ [key]: '***', a: { b: { c: [{ [key]: '***' }] } }, kept: 1 });
    },
  );

  it('hides secrets inside a message', () => {
    const { logger, text } = captured();
    logger.info('got {"password":"hunter2"} and Authorization: Bearer hunter2');
    expect(text()).not.toContain('hunter2');
  });

  it('leaves other lines alone, one line each', () => {
    const { logger, lines, text } = captured();
    logger.info({ camera: 'front', mail: 'a@b', tokenCount: 3 }, 'line\nbreak');
    expect(lines()[0]).toMatchObject({ camera: 'front', mail: 'a@b', tokenCount: 3, msg: 'line\nbreak' });
    expect(text().match(/\n/g)).toHaveLength(1);
  });

  it('writes below its level nothing, and by default to standard error', () => {
    const source = fileURLToPath(new URL('../../dist/node/logger.js', import.meta.url));
    const program = `import { createLogger } from ${JSON.stringify(source)};
      const logger = createLogger({ name: 'n', level: 'warn' });
      logger.info('hidden'); logger.warn('rtsp://a:hunter2@cam'); process.exit(0);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(stderr).toContain('"msg":"rtsp://***@cam"');
    expect(stderr).not.toMatch(/hidden|hunter2/);
  });
});
