// A WebSocket for text messages that comes back by itself: exponential backoff with jitter, and silence is treated as a loss.

import { Backoff } from '@sitecast/shared/runtime/backoff';

export type SocketState = 'connecting' | 'open' | 'retrying';

export interface ReconnectingSocketOptions {
  url: () => string;
  onState: (state: SocketState) => void;
  onMessage: (message: unknown) => void;
  /** The server closed with 1008: the session is over, or this page may not connect. */
  onRefused: () => void;
}

const CONNECT_DEADLINE_MS = 10_000;
const POLICY_VIOLATION = 1008;

/** Owns the socket and one timer. */
export class ReconnectingSocket {
  readonly #options: ReconnectingSocketOptions;
  readonly #backoff = new Backoff({ firstMs: 1_000, maxMs: 30_000 });
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: ReconnectingSocketOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.onState('connecting');
    window.addEventListener('online', this.#retryNow);
    this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    window.removeEventListener('online', this.#retryNow);
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
  }

  readonly #retryNow = (): void => {
    if (this.#isClosed || this.#socket !== undefined) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  #connect(): void {
    const socket = new WebSocket(this.#options.url());
    this.#socket = socket;
    this.#timer = setTimeout(() => socket.close(), CONNECT_DEADLINE_MS);
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#backoff.succeeded();
      this.#options.onState('open');
    };
    socket.onmessage = (event) => {
      if (typeof event.data === 'string') this.#receive(event.data);
    };
    socket.onclose = (event) => this.#lost(socket, event.code);
  }

  #receive(text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    this.#options.onMessage(message);
  }

  #lost(socket: WebSocket, code: number): void {
    if (this.#isClosed || this.#socket !== socket) return;
    this.#socket = undefined;
    clearTimeout(this.#timer);
    if (code === POLICY_VIOLATION) this.#options.onRefused();
    this.#options.onState('retrying');
    this.#timer = setTimeout(() => this.#connect(), this.#backoff.nextDelayMs());
  }
}
