// The way to the server: name, port, certificate, credentials; each tells apart from the others what is wrong.

import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { AgentConfig } from '../config.ts';
import { MqttSession } from '../uplink/mqtt-session.ts';
import { failed, ok, skipped, type Finding } from '@sitecast/shared/node/check';

const CONNECT_TIMEOUT_MS = 5_000;
const LOGIN_TIMEOUT_MS = 10_000;

type Config = Pick<AgentConfig, 'agent' | 'secret' | 'caPem'>;

interface Target {
  host: string;
  port: number;
  isTls: boolean;
}

/** @param url `mqtt://` or `mqtts://`. */
export async function checkName(url: string): Promise<Finding> {
  const { host } = targetOf(url);
  if (isIP(host) !== 0) return ok(`${host} is an address`);
  try {
    const addresses = await lookup(host, { all: true });
    return ok(`${host} is ${addresses.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    return failed(messageOf(error), `check the name in the URL, and the name server of the gateway`);
  }
}

export async function checkPort(url: string, { caPem }: Config): Promise<Finding> {
  const target = targetOf(url);
  const where = `${target.host}:${target.port}`;
  try {
    await reach(target, caPem);
    return ok(target.isTls ? `${where} answers with a certificate that is trusted` : `${where} answers`);
  } catch (error) {
    return failed(`${where}: ${messageOf(error)}`, adviceFor(error as NodeJS.ErrnoException, target));
  }
}

/** @param isRunning the agent is connected under this id already, and would be cut off. */
export async function checkLogin(url: string, config: Config, isRunning: boolean): Promise<Finding> {
  if (isRunning) return skipped('the agent runs here and holds the connection; see its log');
  const reason = await logIn(url, config);
  if (reason === undefined) return ok(`${config.agent} is let in`);
  return failed(reason, 'check "site", "agent" and the secret, or make a new one on the server');
}

function targetOf(url: string): Target {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === 'mqtts:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (isTls ? 8883 : 1883)), isTls };
}

/** Rejects as the socket does, also when a certificate is not trusted. */
export function reach({ host, port, isTls }: Target, caPem?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = isTls
      ? connectTls({ host, port, ca: caPem, ...(isIP(host) === 0 && { servername: host }) })
      : connectTcp({ host, port });
    const end = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end(() => reject(new Error('no answer in time'))));
    socket.once(isTls ? 'secureConnect' : 'connect', () => end(resolve));
    socket.once('error', (error) => end(() => reject(error)));
  });
}

function adviceFor({ code = '' }: NodeJS.ErrnoException, { port, isTls }: Target): string {
  if (code === 'ECONNREFUSED') return `nothing listens there: check the port, and that the server runs`;
  if (/CERT|SELF_SIGNED|ISSUER/.test(code)) return 'give the authority of the certificate as "uplink.ca"';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'the certificate is of another name: use that in the URL';
  if (isTls && code.startsWith('E')) return `check that port ${port} speaks TLS; without TLS write mqtt://`;
  return `let the gateway out to port ${port} (firewall, network)`;
}

/** @returns why it was not let in. */
async function logIn(url: string, { agent, secret, caPem }: Config): Promise<string | undefined> {
  const { promise, resolve } = withResolver<string | undefined>();
  const session = new MqttSession({
    url,
    caPem,
    clientId: agent,
    username: agent,
    password: secret,
    subscriptions: [],
    onOpen: () => resolve(undefined),
    onMessage: () => undefined,
    onEnd: (reason) => resolve(reason.message),
  });
  const timer = setTimeout(() => resolve('no answer to the login in time'), LOGIN_TIMEOUT_MS);
  session.start();
  const reason = await promise;
  clearTimeout(timer);
  await session.close();
  return reason;
}

/** `Promise.withResolvers`, which Node.js 20 has not. */
function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
