// Searches the LAN for ONVIF devices by WS-Discovery, for a bounded time. Owns its sockets.
//
// The search of the `onvif` package is not used: it reads answers without looking, and dies of one that is none (agsh/onvif
// issues 66, 78, 102), which any printer on the LAN may send.

import { randomUUID } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { sleep, systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { probeMessages, readProbeMatches, type ProbeMatch } from './probe-match.ts';

export interface FoundDevice extends ProbeMatch {
  /** Where the answer came from: nothing else is asked or believed. */
  address: string;
}

export interface SearchResult {
  devices: FoundDevice[];
  /** Answers that were none, came from where many came already, or were beyond a bound. */
  answersIgnored: number;
}

export interface Target {
  host: string;
  port: number;
}

export interface SearchOptions {
  seconds: number;
  /** Asked one by one; the whole LAN, by multicast on every interface, when empty. */
  targets: Target[];
  signal: AbortSignal;
  clock?: Clock;
}

export const DISCOVERY_PORT = 3702;
const MULTICAST: Target = { host: '239.255.255.250', port: DISCOVERY_PORT };
/** UDP loses messages, and a device need not answer at once. */
const SEND_AFTER_MS = [0, 400, 1_000];

/** Policy: what is beyond is ignored and counted. Bounds in edge-agent/README.md. */
export const MAX_DEVICES = 64;
export const MAX_DEVICES_PER_ADDRESS = 4;
export const MAX_ANSWER_BYTES = 16 * 1024;
export const MAX_ANSWERS = 2_000;

/** @throws {AppError} SOURCE_UNREACHABLE when nothing can be sent at all. */
export async function searchCameras(options: SearchOptions): Promise<SearchResult> {
  const { seconds, targets, signal, clock = systemClock } = options;
  const ids = [randomUUID(), randomUUID()] as const;
  const answers = new AnswerBook(ids);
  const sockets = await openSockets(targets, (message, from) => answers.take(message, from));
  try {
    const startedMs = clock.monotonicMs();
    for (const afterMs of SEND_AFTER_MS) {
      await sleep(clock, startedMs + afterMs - clock.monotonicMs(), signal);
      if (!signal.aborted) await sendAll(sockets, probeMessages(ids), afterMs === 0);
    }
    await sleep(clock, startedMs + seconds * 1000 - clock.monotonicMs(), signal);
  } finally {
    for (const { socket } of sockets) socket.close();
  }
  return { devices: answers.devices, answersIgnored: answers.ignored };
}

class AnswerBook {
  readonly #ids: readonly string[];
  readonly #devices = new Map<string, FoundDevice>();
  readonly #perAddress = new Map<string, number>();
  #taken = 0;
  ignored = 0;

  constructor(ids: readonly string[]) {
    this.#ids = ids;
  }

  /** In the order of their addresses. */
  get devices(): FoundDevice[] {
    const collator = new Intl.Collator('en', { numeric: true });
    return [...this.#devices.values()].sort((a, b) => collator.compare(a.address, b.address));
  }

  take(message: Buffer, { address }: RemoteInfo): void {
    if (message.length > MAX_ANSWER_BYTES || this.#taken >= MAX_ANSWERS) {
      this.ignored += 1;
      return;
    }
    this.#taken += 1;
    const matches = readProbeMatches(message.toString('utf8'), address, this.#ids);
    if (matches.length === 0) this.ignored += 1;
    for (const match of matches) this.#keep({ ...match, address });
  }

  #keep(device: FoundDevice): void {
    const key = `${device.address} ${device.endpoint}`;
    if (this.#devices.has(key)) return;
    const count = this.#perAddress.get(device.address) ?? 0;
    if (count >= MAX_DEVICES_PER_ADDRESS || this.#devices.size >= MAX_DEVICES) {
      this.ignored += 1;
      return;
    }
    this.#perAddress.set(device.address, count + 1);
    this.#devices.set(key, device);
  }
}

interface Sender {
  socket: Socket;
  targets: Target[];
}

type OnAnswer = (message: Buffer, from: RemoteInfo) => void;

async function openSockets(targets: Target[], onAnswer: OnAnswer): Promise<Sender[]> {
  if (targets.length > 0) return [{ socket: await openSocket('0.0.0.0', onAnswer), targets }];
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
  const opened = await Promise.allSettled(addresses.map((address) => openMulticast(address, onAnswer)));
  const senders = opened.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
  if (senders.length > 0) return senders;
  throw new AppError(
    'SOURCE_UNREACHABLE',
    'this machine has no network on which cameras could be searched for',
  );
}

async function openMulticast(address: string, onAnswer: OnAnswer): Promise<Sender> {
  const socket = await openSocket(address, onAnswer);
  socket.setMulticastInterface(address);
  return { socket, targets: [MULTICAST] };
}

function openSocket(address: string, onAnswer: OnAnswer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.on('message', onAnswer);
    // After the start: a target that refuses (ICMP) is one that does not answer.
    socket.on('error', reject);
    socket.bind({ address, port: 0 }, () => resolve(socket));
  });
}

/** @throws {AppError} SOURCE_UNREACHABLE when `mustSend` and nothing went out. */
async function sendAll(senders: Sender[], messages: string[], mustSend: boolean): Promise<void> {
  const sent = await Promise.allSettled(
    senders.flatMap(({ socket, targets }) =>
      targets.flatMap((target) => messages.map((message) => send(socket, message, target))),
    ),
  );
  const failed = sent.filter((result) => result.status === 'rejected');
  if (!mustSend || failed.length < sent.length) return;
  throw new AppError('SOURCE_UNREACHABLE', `nothing could be sent: ${messageOf(failed[0]?.reason)}`);
}

function send(socket: Socket, message: string, { host, port }: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(message, port, host, (error) => (error ? reject(error) : resolve()));
  });
}
