// Asks a person for a password, without showing what is typed.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { AppError } from '@sitecast/shared/runtime/app-error';

/** Where a password is looked for before anybody is asked. */
export const PASSWORD_VARIABLE = 'SITECAST_CAMERA_PASSWORD';

type Input = Pick<ReadStream, 'isTTY'> & NodeJS.ReadableStream;

/** @param variable named to whom nobody can ask. @throws {AppError} BAD_REQUEST where nobody can be asked; SHUTTING_DOWN when nothing was answered, with `isInterrupted` after Ctrl-C. */
export function askPassword(
  question: string,
  input: Input,
  output: Pick<Writable, 'write'>,
  variable = PASSWORD_VARIABLE,
): Promise<string> {
  if (!input.isTTY) {
    const message = `there is no terminal to ask for a password on; set ${variable}`;
    return Promise.reject(new AppError('BAD_REQUEST', message));
  }
  output.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true });
  return new Promise((resolve, reject) => {
    // A terminal that is read key by key sends no signal for Ctrl-C.
    lines.once('SIGINT', () => {
      reject(new AppError('SHUTTING_DOWN', 'no password was given', { detail: { isInterrupted: true } }));
      lines.close();
    });
    lines.once('close', () => {
      output.write('\n');
      reject(new AppError('SHUTTING_DOWN', 'no password was given'));
    });
    lines.question('', (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}
