// The key with which this agent signs: made at its first start, kept in the data directory, readable by nobody else.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSigningKey, publicKeyOf, signText } from '@sitecast/shared/node/signing';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { replaceFile } from '../state-file.ts';

export const KEY_FILE = 'signing-key.pem';

export class SigningKey {
  readonly #key: KeyObject;
  readonly publicKey: string;

  private constructor(key: KeyObject) {
    this.#key = key;
    this.publicKey = publicKeyOf(key);
  }

  /**
   * @throws {AppError} CONFIG_INVALID for a file that holds no key: another key in its place would be one that the server
   * does not trust, and nobody would know why.
   */
  static async open(dataDir: string): Promise<SigningKey> {
    const path = join(dataDir, KEY_FILE);
    const pem = (await readIfThere(path)) ?? (await makeKey(path));
    // A disk that takes nothing now is survived; the next start sees to it.
    await chmod(path, 0o600).catch(() => undefined);
    try {
      const key = createPrivateKey(pem);
      if (key.asymmetricKeyType !== 'ed25519') throw new TypeError(`a key of type ${key.asymmetricKeyType}`);
      return new SigningKey(key);
    } catch (cause) {
      throw new AppError(
        'CONFIG_INVALID',
        `${path} holds no ed25519 key: ${messageOf(cause)}. Put the right file back; without it the agent makes a new key, which an admin has to accept.`,
        { cause },
      );
    }
  }

  sign(text: string): string {
    return signText(this.#key, text);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function makeKey(path: string): Promise<string> {
  const pem = newSigningKey().export({ format: 'pem', type: 'pkcs8' }) as string;
  await replaceFile(path, pem);
  return pem;
}
