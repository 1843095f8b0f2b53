// The answer to a CONNECT: who it is, or the return code that says why not (MQTT 3.1.1 section 3.2.2.3).

import { isId } from '@sitecast/shared/protocol/ids';
import type { Clock } from '@sitecast/shared/runtime/clock';
import { isClientId, mayConnect, type ListenerName } from './access.ts';
import type { Authenticate, DeviceIdentity } from './device.ts';

export const ConnectReturnCode = {
  identifierRejected: 2,
  serverUnavailable: 3,
  badCredentials: 4,
  notAuthorized: 5,
} as const;
type ConnectReturnCode = (typeof ConnectReturnCode)[keyof typeof ConnectReturnCode];

/** Why a CONNECT is refused; aedes sends `returnCode` in the CONNACK. */
export class ConnectRefusal extends Error {
  override readonly name = 'ConnectRefusal';
  readonly returnCode: ConnectReturnCode;

  constructor(returnCode: ConnectReturnCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.returnCode = returnCode;
  }
}

export interface LoginRequest {
  listener: ListenerName;
  clientId: string;
  username: string | undefined;
  password: Buffer | undefined;
}

export interface DeviceLoginOptions {
  authenticate: Authenticate;
  timeoutMs: number;
  clock: Clock;
}

/** @throws {ConnectRefusal} whenever the answer is no. */
export async function loginDevice(
  { listener, clientId, username, password }: LoginRequest,
  options: DeviceLoginOptions,
): Promise<DeviceIdentity> {
  if (!isClientId(clientId)) throw new ConnectRefusal(ConnectReturnCode.identifierRejected, 'bad client id');
  if (username === undefined || password === undefined || !isId(username)) {
    throw new ConnectRefusal(ConnectReturnCode.badCredentials, 'no user name, or not one of a device');
  }
  const device = await askInTime(username, password.toString('utf8'), options);
  if (!device) throw new ConnectRefusal(ConnectReturnCode.badCredentials, 'unknown device or wrong secret');
  if (!mayConnect(device, listener, clientId)) {
    throw device.kind === 'sensor'
      ? new ConnectRefusal(ConnectReturnCode.notAuthorized, 'sensors have no business on the media listener')
      : new ConnectRefusal(
          ConnectReturnCode.identifierRejected,
          `not the client id of this agent on ${listener}`,
        );
  }
  return device;
}

// aedes has no time-out here: its connect timer ends when CONNECT has arrived.
function askInTime(
  username: string,
  secret: string,
  { authenticate, timeoutMs, clock }: DeviceLoginOptions,
): Promise<DeviceIdentity | undefined> {
  const unavailable = (cause?: unknown): ConnectRefusal =>
    new ConnectRefusal(ConnectReturnCode.serverUnavailable, 'credentials cannot be checked now', cause);
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(unavailable()));
    authenticate(username, secret)
      .then(resolve, (cause: unknown) => reject(unavailable(cause)))
      .finally(() => timer.cancel());
  });
}
