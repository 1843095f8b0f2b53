// Stands between one socket and the MQTT parser: refuses packets that are too large before they are buffered, and stops
// reading while too much is held or the device sends too fast. Borrows the socket; owns nothing but numbers.

import type { Socket } from 'node:net';
import type { DeviceShare } from './device-share.ts';
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

/** What reading waits for: its own messages in handlers, room in the listener, or in what the device may take. */
export type HoldUp = 'connection' | 'listener' | 'share' | 'rate';

export type Refusal = Exclude<ScanResult, 'ok'> | 'too-slow';

export interface PacketGateOptions {
  socket: Socket;
  /** Shared by the listener. */
  held: HeldBytes;
  /** Asked for each chunk: it rises at login. */
  maxPacketBytes: () => number;
  /** In handlers, of this connection. */
  maxHeldBytes: number;
  maxHeldMessages: number;
  /** Nothing is read any more: close the socket. */
  onRefused: (reason: Refusal) => void;
  /** Reading stops for want of room; it goes on by itself. */
  onHeldUp: (by: HoldUp) => void;
}

export interface PacketDeadlines {
  /** From the begin of a packet to its last byte. */
  packetMs: number;
  /** Within a packet, without a byte. */
  silenceMs: number;
}

/**
 * Replaces `socket.read`, the one place where aedes takes bytes from. aedes' own backpressure counts packets of a chunk and
 * fails for packets larger than a chunk, its `pause()` forgets buffered packets; so both are left alone: here
 * `read` answers null while held up, and 'readable' is emitted again when there is room.
 *
 * Until `letIn()` one packet is read, the CONNECT, and that also while the listener is full: those who fill it must not
 * keep out everybody else.
 */
export class PacketGate {
  readonly #options: PacketGateOptions;
  readonly #scanner = new PacketScanner();
  readonly #read: Socket['read'];
  #share: DeviceShare | undefined;
  #isLetIn = false;
  #receivingBytes = 0;
  #heldBytes = 0;
  #heldMessages = 0;
  #isHeldUp = false;
  #isClosed = false;
  #watched = { packet: -1, missingBytes: 0, ageMs: 0, silentMs: 0 };

  constructor(options: PacketGateOptions) {
    this.#options = options;
    const { socket } = options;
    this.#read = socket.read.bind(socket);
    socket.read = (size) => (size === 0 ? (this.#read(0) as Buffer | null) : this.#readChecked());
    socket.once('close', () => this.close());
  }

  /** The login is over: reads on. @param share of the device that it is. */
  letIn(share?: DeviceShare): void {
    this.#share = share;
    this.#isLetIn = true;
    this.#isHeldUp = false;
    setImmediate(() => this.wake());
  }

  /**
   * Counts a message as held until the function that is returned is called. Reading goes on meanwhile, so that a
   * PINGREQ behind a message that takes long is answered.
   */
  hold(bytes: number): () => void {
    this.#heldMessages += 1;
    this.#heldBytes += bytes;
    this.#account(bytes);
    setImmediate(() => this.wake());
    return () => {
      this.#heldMessages -= 1;
      this.#heldBytes -= bytes;
      this.#account(-bytes);
      if (this.#isHeldUp) this.wake();
    };
  }

  /** Lets aedes look for bytes again. */
  wake(): void {
    if (!this.#isClosed) this.#options.socket.emit('readable');
  }

  /**
   * To be called every `elapsedMs`: what counts is how often it was called, so that a pause of this program is not held
   * against the peer. Refuses a packet that has begun and is late; while reading is held up, none is.
   */
  watch(elapsedMs: number, { packetMs, silenceMs }: PacketDeadlines): void {
    const { packets, missingBytes, isWithinPacket } = this.#scanner;
    const watched = this.#watched;
    const isReceiving = isWithinPacket && !this.#isHeldUp && !this.#isClosed;
    if (!isReceiving || packets !== watched.packet) {
      this.#watched = { packet: isReceiving ? packets : -1, missingBytes, ageMs: 0, silentMs: 0 };
      return;
    }
    watched.ageMs += elapsedMs;
    watched.silentMs = missingBytes === watched.missingBytes ? watched.silentMs + elapsedMs : 0;
    watched.missingBytes = missingBytes;
    if (watched.ageMs >= packetMs || watched.silentMs >= silenceMs) this.#refuse('too-slow');
  }

  /** Reads nothing any more. Messages that are held stay counted until they are released. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.held.forget(this);
    this.#share?.forget(this);
    this.#account(-this.#receivingBytes);
    this.#receivingBytes = 0;
  }

  #readChecked(): Buffer | null {
    if (this.#isClosed) return null;
    const heldUpBy = this.#heldUpBy();
    // While there is no room, a packet that has begun may finish, and nothing behind it: it is counted already, and only
    // finishing it makes room.
    const mayFinish = this.#scanner.missingBytes > 0 && heldUpBy !== 'connection';
    if (heldUpBy && !mayFinish) return this.#waitFor(heldUpBy);
    this.#isHeldUp = false;
    const chunk = heldUpBy ? this.#readRestOfPacket() : (this.#read() as Buffer | null);
    return chunk && this.#check(chunk);
  }

  #heldUpBy(): HoldUp | undefined {
    const { held, maxHeldBytes, maxHeldMessages } = this.#options;
    if (!this.#isLetIn) return this.#scanner.packets > 0 ? 'connection' : undefined;
    if (this.#heldBytes >= maxHeldBytes || this.#heldMessages >= maxHeldMessages) return 'connection';
    return held.isFull ? 'listener' : this.#share?.boundOf(this);
  }

  #waitFor(heldUpBy: HoldUp): null {
    if (heldUpBy === 'listener') this.#options.held.wait(this);
    else if (heldUpBy !== 'connection') this.#share?.wait(this);
    if (this.#isLetIn && !this.#isHeldUp) this.#options.onHeldUp(heldUpBy);
    this.#isHeldUp = true;
    return null;
  }

  #readRestOfPacket(): Buffer | null {
    const buffered = this.#options.socket.readableLength;
    if (buffered === 0) return this.#read() as Buffer | null;
    return this.#read(Math.min(buffered, this.#scanner.missingBytes)) as Buffer | null;
  }

  #check(chunk: Buffer): Buffer | null {
    const before = this.#scanner.packets;
    const maxPackets = this.#isLetIn ? (this.#share?.maxPackets ?? Infinity) : 1;
    const result = this.#scanner.scan(chunk, this.#options.maxPacketBytes(), maxPackets);
    if (result !== 'ok') return this.#refuse(result);
    this.#accountReceiving();
    const { scannedBytes, packets } = this.#scanner;
    this.#share?.spend(packets - before, scannedBytes);
    if (scannedBytes === chunk.length) return chunk;
    this.#options.socket.unshift(chunk.subarray(scannedBytes));
    return chunk.subarray(0, scannedBytes);
  }

  #refuse(reason: Refusal): null {
    this.close();
    this.#options.onRefused(reason);
    return null;
  }

  #account(bytes: number): void {
    this.#options.held.add(bytes);
    this.#share?.hold(bytes);
  }

  #accountReceiving(): void {
    const receivingBytes = this.#scanner.receivingBytes;
    const added = receivingBytes - this.#receivingBytes;
    this.#receivingBytes = receivingBytes;
    if (added !== 0) this.#account(added);
  }
}
