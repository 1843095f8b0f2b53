// One viewer on a raw socket: joins, counts what comes, says that it was shown, comes back when it was sent away. One that
// stalls reads nothing once it is in.

import { connect, type Socket } from 'node:net';
import { pong, type Dialect } from './dialects.ts';
import type { FrameMeter } from './frame-meter.ts';
import { MessageReader } from './message-reader.ts';
import { TransportStreamReader } from './transport-stream.ts';

export interface SinkOptions {
  port: number;
  stream: number;
  number: number;
  dialect: Dialect;
  meter: FrameMeter;
  stalls: boolean;
  /** Refused, or cut off: the code of the error when one was told. */
  onGone: (reason: string) => void;
}

const REJOIN_AFTER_MS = 5_000;
/** A socket that nobody reads does not tell of its end either. */
const STALL_MS = 20_000;
const PROGRESS_MS = 1_000;

export class Sink {
  readonly #options: SinkOptions;
  #progress: NodeJS.Timeout | undefined;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  join(): void {
    const { port, dialect, stream, number, meter } = this.#options;
    const socket = connect({ port, host: '127.0.0.1', localAddress: addressOf(number), noDelay: true });
    let reason = 'connection closed';
    const pictures = dialect.isTransportStream ? new TransportStreamReader(meter) : undefined;
    const reader = new MessageReader(
      dialect.cut,
      ({ kind, payload }) => {
        if (kind === 'binary' && !pictures) meter.add(payload);
        if (kind === 'ping') socket.write(pong(payload));
        if (kind === 'text') reason = errorCodeIn(payload) ?? reason;
      },
      pictures && ((piece) => pictures.push(piece)),
    );
    socket.on('connect', () => {
      for (const bytes of dialect.greeting(stream, number)) socket.write(bytes);
      if (this.#options.stalls) setTimeout(() => socket.destroy(), STALL_MS);
    });
    const read = dialect.hasHttpAnswer ? this.#afterHttpAnswer(socket, reader) : reader;
    socket.on('data', (chunk) => read.push(chunk));
    socket.on('error', ({ message }) => (reason = message));
    socket.on('close', () => this.#gone(reason));
    this.#progress = setInterval(() => this.#tellProgress(socket), PROGRESS_MS);
  }

  #afterHttpAnswer(socket: Socket, reader: MessageReader): { push(chunk: Buffer): void } {
    let answer: Buffer | undefined = Buffer.alloc(0);
    return {
      push: (chunk) => {
        if (!answer) return reader.push(chunk);
        answer = Buffer.concat([answer, chunk]);
        const end = answer.indexOf('\r\n\r\n');
        if (end < 0) return;
        const status = answer.toString('latin1', 9, 12);
        if (status !== '101') return void socket.destroy(new Error(`HTTP ${status}`));
        const rest = answer.subarray(end + 4);
        answer = undefined;
        this.#subscribe(socket);
        reader.push(rest);
      },
    };
  }

  #subscribe(socket: Socket): void {
    const { dialect, stream, stalls } = this.#options;
    if (dialect.subscribe) socket.write(dialect.subscribe(stream));
    if (stalls) socket.pause();
  }

  #tellProgress(socket: Socket): void {
    const { dialect, meter, stalls } = this.#options;
    const { lastSequence } = meter;
    if (stalls || lastSequence === undefined || !dialect.progress) return;
    socket.write(dialect.progress(lastSequence));
  }

  #gone(reason: string): void {
    clearInterval(this.#progress);
    this.#options.onGone(reason);
    setTimeout(() => this.join(), REJOIN_AFTER_MS);
  }
}

/** Each viewer comes from an address of its own, as it does in life; all of 127/8 is this machine (RFC 1122 3.2.1.3). */
function addressOf(viewer: number): string {
  return `127.1.${viewer >> 8}.${viewer & 0xff}`;
}

function errorCodeIn(payload: Buffer): string | undefined {
  const message = JSON.parse(payload.toString('utf8')) as { type: string; code?: string };
  return message.type === 'error' ? message.code : undefined;
}
