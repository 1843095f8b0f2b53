// Stands between one socket and the MQTT parser: refuses packets that are too large before they are buffered, and stops
// reading while too much is held. Borrows the socket; owns nothing but numbers.

import type { Socket } from 'node:net';
import { PacketScanner, type ScanResult } from './packet-scanner.ts';

/** Bytes that the connections of one listener hold together. Policy `block`: above the bound no new packet is read. */
export class HeldBytes {
  readonly maxBytes: number;
  #bytes = 0;
  readonly #waiting = new Set<PacketGate>();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.maxBytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (bytes < 0 && this.#waiting.size > 0 && !this.isFull) this.#wakeAll();
  }

  wait(gate: PacketGate): void {
    this.#waiting.add(gate);
  }

  forget(gate: PacketGate): void {
    this.#waiting.delete(gate);
  }

  #wakeAll(): void {
    const gates = [...this.#waiting];
    this.#waiting.clear();
    for (const gate of gates) gate.wake();
  }
}

export interface PacketGateOptions {
  socket: Socket;
  /** Shared by the listener. */
  held: HeldBytes;
  /** Asked for each chunk: it rises at login. */
  maxPacketBytes: () => number;
  /** In handlers, of this connection. */
  maxHeldBytes: number;
  maxHeldMessages: number;
  onRefused: (reason: Exclude<ScanResult, 'ok'>) => void;
  /** Reading stops for want of room; it goes on by itself. */
  onHeldUp: () => void;
}

/**
 * Replaces `socket.read`, the one place where aedes takes bytes from. aedes' own backpressure counts packets of a chunk and
 * fails for packets larger than a chunk, its `pause()` forgets buffered packets; so both are left alone: here
 * `read` answers null while held up, and 'readable' is emitted again when there is room.
 */
export class PacketGate {
  readonly #options: PacketGateOptions;
  readonly #scanner = new PacketScanner();
  readonly #read: Socket['read'];
  #receivingBytes = 0;
  #heldBytes = 0;
  #heldMessages = 0;
  #isHeldUp = false;
  #isClosed = false;

  constructor(options: PacketGateOptions) {
    this.#options = options;
    const { socket } = options;
    this.#read = socket.read.bind(socket);
    socket.read = (size) => (size === 0 ? (this.#read(0) as Buffer | null) : this.#readChecked());
    socket.once('close', () => this.close());
  }

  /**
   * Counts a message as held until the function that is returned is called. Reading goes on meanwhile, so that a
   * PINGREQ behind a message that takes long is answered.
   */
  hold(bytes: number): () => void {
    this.#heldMessages += 1;
    this.#account(bytes);
    setImmediate(() => this.wake());
    return () => {
      this.#heldMessages -= 1;
      this.#account(-bytes);
      if (this.#isHeldUp) this.wake();
    };
  }

  /** Lets aedes look for bytes again. */
  wake(): void {
    if (!this.#isClosed) this.#options.socket.emit('readable');
  }

  /** Reads nothing any more. Messages that are held stay counted until they are released. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.held.forget(this);
    this.#options.held.add(-this.#receivingBytes);
    this.#receivingBytes = 0;
  }

  #readChecked(): Buffer | null {
    if (this.#isClosed) return null;
    const wasHeldUp = this.#isHeldUp;
    this.#isHeldUp = this.#mustWait();
    if (this.#isHeldUp && !wasHeldUp) this.#options.onHeldUp();
    if (this.#isHeldUp) return null;
    const chunk = this.#readAllowed();
    if (!chunk) return null;
    const result = this.#scanner.scan(chunk, this.#options.maxPacketBytes());
    this.#accountReceiving();
    if (result === 'ok') return chunk;
    this.close();
    this.#options.onRefused(result);
    return null;
  }

  #mustWait(): boolean {
    const { held, maxHeldBytes, maxHeldMessages } = this.#options;
    if (this.#heldBytes >= maxHeldBytes || this.#heldMessages >= maxHeldMessages) return true;
    if (!held.isFull || this.#scanner.missingBytes > 0) return false;
    held.wait(this);
    return true;
  }

  // While the listener is full, a packet that has begun may finish, and nothing behind it: it is counted already, and only
  // finishing it makes room.
  #readAllowed(): Buffer | null {
    const { held, socket } = this.#options;
    const buffered = socket.readableLength;
    if (!held.isFull || buffered === 0) return this.#read() as Buffer | null;
    return this.#read(Math.min(buffered, this.#scanner.missingBytes)) as Buffer | null;
  }

  #account(bytes: number): void {
    this.#heldBytes += bytes;
    this.#options.held.add(bytes);
  }

  #accountReceiving(): void {
    const receivingBytes = this.#scanner.receivingBytes;
    const added = receivingBytes - this.#receivingBytes;
    this.#receivingBytes = receivingBytes;
    if (added !== 0) this.#options.held.add(added);
  }
}
