import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { redact } from '@sitecast/shared/node/logger';
import { askPassword } from '../../src/commands/ask-password.ts';

function terminal(): { input: PassThrough & { isTTY: boolean }; output: PassThrough; shown: () => string } {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough().setEncoding('utf8');
  let text = '';
  output.on('data', (chunk: string) => (text += chunk));
  return { input, output, shown: () => text };
}

describe('askPassword', () => {
  it('shows the question and nothing of the answer', async () => {
    const { input, output, shown } = terminal();
    const asked = askPassword('Password of admin: ', input as never, output);
    input.write('hunter2\r');
    expect(await asked).toBe('hunter2');
    expect(shown()).toBe('Password of admin: \n');
  });

  it('says what to set where nobody can be asked', async () => {
    const { input, output } = terminal();
    input.isTTY = false;
    const error = await askPassword('?', input as never, output).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('set SITECAST_CAMERA_PASSWORD') as string,
    });
    // As it is printed: it must not look as if it held a password.
    const { message } = error as Error;
    expect(redact(message)).toBe(message);
  });

  it('tells Ctrl-C, which is no signal while it asks, from an answer', async () => {
    const { input, output } = terminal();
    const asked = askPassword('?', input as never, output);
    input.write('hunter2\x03');
    await expect(asked).rejects.toMatchObject({ code: 'SHUTTING_DOWN', detail: { isInterrupted: true } });
  });

  it('ends when the terminal does', async () => {
    const { input, output } = terminal();
    const asked = askPassword('?', input as never, output);
    input.end();
    await expect(asked).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
