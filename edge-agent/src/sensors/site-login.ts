// Who may speak to the site broker: users with passwords of the site's own, or everybody where that was asked for.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { EngineLogin } from './site-engine.ts';

export interface SiteCredential {
  user: string;
  password: string;
}

/** MQTT 3.1.1 section 3.2.2.3. */
export const ConnectReturnCode = {
  identifierRejected: 2,
  serverUnavailable: 3,
  badCredentials: 4,
} as const;
type ConnectReturnCode = (typeof ConnectReturnCode)[keyof typeof ConnectReturnCode];

/** Why a CONNECT is refused; aedes sends `returnCode` in the CONNACK. */
export class ConnectRefusal extends Error {
  override readonly name = 'ConnectRefusal';
  readonly returnCode: ConnectReturnCode;

  constructor(returnCode: ConnectReturnCode, message: string) {
    super(message);
    this.returnCode = returnCode;
  }
}

// Control characters and lone surrogates have no place in a client id, and break whatever prints it.
const CLIENT_ID_PATTERN = /^[^\p{Cc}\p{Cs}]{0,128}$/u;
const NOBODY = digest('');

export class SiteLogin {
  readonly #digests: ReadonlyMap<string, Buffer>;
  readonly #isAnonymous: boolean;

  constructor({ credentials, isAnonymous }: { credentials: SiteCredential[]; isAnonymous: boolean }) {
    this.#digests = new Map(credentials.map(({ user, password }) => [user, digest(password)]));
    this.#isAnonymous = isAnonymous;
  }

  /** @returns the user, empty for one who needs to be nobody. @throws {ConnectRefusal} */
  check({ clientId, username, password }: EngineLogin): string {
    if (!CLIENT_ID_PATTERN.test(clientId)) {
      throw new ConnectRefusal(ConnectReturnCode.identifierRejected, 'bad client id');
    }
    if (this.#isAnonymous) return '';
    // Of equal length, so that the time that it takes says nothing; sensors keep their passwords in the clear, so a slow hash
    // here would protect nothing and cost the gateway a login flood.
    const known = this.#digests.get(username ?? '') ?? NOBODY;
    const isRight = timingSafeEqual(known, digest(password ?? ''));
    if (username !== undefined && isRight && this.#digests.has(username)) return username;
    throw new ConnectRefusal(ConnectReturnCode.badCredentials, 'unknown user or wrong password');
  }
}

function digest(text: string | Buffer): Buffer {
  return createHash('sha256').update(text).digest();
}
