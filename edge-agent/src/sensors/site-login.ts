// Who may speak to the site broker: users with passwords of the site's own, or everybody where that was asked for.

import { createHash, timingSafeEqual } from 'node:crypto';
import {
  matchTopic,
  parseTopicPattern,
  splitTopic,
  type TopicPattern,
} from '@sitecast/shared/protocol/mapping/topic-pattern';
import type { EngineLogin } from './site-engine.ts';

export interface SiteCredential {
  user: string;
  password: string;
  /** Patterns of topics; all when left out. */
  topics?: string[] | undefined;
}

/** Who is logged in. */
export interface SiteUser {
  /** Empty for one who needs to be nobody. */
  name: string;
  topics: readonly TopicPattern[] | undefined;
}

export function mayPublish({ topics }: SiteUser, topic: string): boolean {
  if (!topics) return true;
  const levels = splitTopic(topic);
  return levels !== undefined && topics.some((pattern) => matchTopic(pattern, levels));
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
const NO_DIGEST = digest('');
const ANYBODY: SiteUser = { name: '', topics: undefined };

export class SiteLogin {
  readonly #users: ReadonlyMap<string, SiteUser & { digest: Buffer }>;
  readonly #isAnonymous: boolean;

  constructor({ credentials, isAnonymous }: { credentials: SiteCredential[]; isAnonymous: boolean }) {
    this.#users = new Map(
      credentials.map(({ user, password, topics }) => [
        user,
        { name: user, topics: topics?.map(parseTopicPattern), digest: digest(password) },
      ]),
    );
    this.#isAnonymous = isAnonymous;
  }

  /** @throws {ConnectRefusal} */
  check({ clientId, username, password }: EngineLogin): SiteUser {
    if (!CLIENT_ID_PATTERN.test(clientId)) {
      throw new ConnectRefusal(ConnectReturnCode.identifierRejected, 'bad client id');
    }
    if (this.#isAnonymous) return ANYBODY;
    // Of equal length, so that the time that it takes says nothing; sensors keep their passwords in the clear, so a slow hash
    // here would protect nothing and cost the gateway a login flood.
    const user = this.#users.get(username ?? '');
    const isRight = timingSafeEqual(user?.digest ?? NO_DIGEST, digest(password ?? ''));
    if (user && isRight) return user;
    throw new ConnectRefusal(ConnectReturnCode.badCredentials, 'unknown user or wrong password');
  }
}

function digest(text: string | Buffer): Buffer {
  return createHash('sha256').update(text).digest();
}
