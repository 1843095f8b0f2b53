// Cuts a TCP stream into messages without keeping their payloads: a sink must cost little beside what it measures.

/** What is known of a message from its first `length` bytes: how many more are needed to tell, or what it is. */
export type Cut =
  | { needs: number }
  | { kind: 'binary' | 'text' | 'ping' | 'close' | 'other'; payload: Buffer; totalBytes: number };

/** @param head valid up to `length`. */
export type Cutter = (head: Buffer, length: number) => Cut;

/** Bytes of a binary payload that a sink looks at. */
const LOOKED_AT_BYTES = 24;
const MAX_HEAD_BYTES = 64 * 1024;

type Message = Exclude<Cut, { needs: number }>;

export class MessageReader {
  readonly #cut: Cutter;
  readonly #onMessage: (message: Message) => void;
  readonly #onBinaryPiece: ((piece: Buffer) => void) | undefined;
  #isBinary = false;
  #head = Buffer.allocUnsafe(512);
  #headBytes = 0;
  #needs = 2;
  #skipBytes = 0;

  /** @param onBinaryPiece given all of the binary payloads, piece by piece. */
  constructor(cut: Cutter, onMessage: (message: Message) => void, onBinaryPiece?: (piece: Buffer) => void) {
    this.#cut = cut;
    this.#onMessage = onMessage;
    this.#onBinaryPiece = onBinaryPiece;
  }

  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, chunk.length - offset);
        if (this.#isBinary) this.#onBinaryPiece?.(chunk.subarray(offset, offset + skipped));
        this.#skipBytes -= skipped;
        offset += skipped;
        continue;
      }
      const copied = chunk.copy(this.#head, this.#headBytes, offset, offset + this.#needs - this.#headBytes);
      this.#headBytes += copied;
      offset += copied;
      if (this.#headBytes === this.#needs) this.#advance();
    }
  }

  #advance(): void {
    const cut = this.#cut(this.#head, this.#headBytes);
    if ('needs' in cut) return this.#grow(cut.needs);
    this.#skipBytes = cut.totalBytes - this.#headBytes;
    this.#headBytes = 0;
    this.#needs = 2;
    this.#isBinary = cut.kind === 'binary';
    this.#onMessage(cut);
    if (this.#isBinary) this.#onBinaryPiece?.(cut.payload);
  }

  #grow(needs: number): void {
    if (needs > MAX_HEAD_BYTES) throw new Error(`a message wants ${needs} bytes to be looked at`);
    this.#needs = needs;
    if (needs <= this.#head.length) return;
    const larger = Buffer.allocUnsafe(needs);
    this.#head.copy(larger);
    this.#head = larger;
  }
}

const OPCODES = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping' } as const;

/** RFC 6455 section 5.2, unmasked and unfragmented as servers send. */
export const cutWebSocket: Cutter = (head, length) => {
  const short = head.readUInt8(1) & 0x7f;
  const headerBytes = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (length < headerBytes) return { needs: headerBytes };
  const payloadBytes =
    short === 127 ? Number(head.readBigUInt64BE(2)) : short === 126 ? head.readUInt16BE(2) : short;
  const kind = OPCODES[(head.readUInt8(0) & 0x0f) as keyof typeof OPCODES] ?? 'other';
  const lookedAt = kind === 'binary' ? Math.min(LOOKED_AT_BYTES, payloadBytes) : payloadBytes;
  if (length < headerBytes + lookedAt) return { needs: headerBytes + lookedAt };
  const payload = head.subarray(headerBytes, headerBytes + lookedAt);
  return { kind, payload, totalBytes: headerBytes + payloadBytes };
};

/** MQTT 3.1.1 section 2.2; of PUBLISH at QoS 0 (3.3) the payload behind the topic. */
export const cutMqtt: Cutter = (head, length) => {
  let remaining = 0;
  let at = 1;
  for (let shift = 0; ; shift += 7, at += 1) {
    if (at >= length) return { needs: at + 1 };
    const byte = head.readUInt8(at);
    remaining += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const headerBytes = at + 1;
  const totalBytes = headerBytes + remaining;
  if (head.readUInt8(0) >> 4 !== 3) return { kind: 'other', payload: head.subarray(0, 0), totalBytes };
  if (length < headerBytes + 2) return { needs: headerBytes + 2 };
  const payloadAt = headerBytes + 2 + head.readUInt16BE(headerBytes);
  const until = Math.min(payloadAt + LOOKED_AT_BYTES, totalBytes);
  if (length < until) return { needs: until };
  return { kind: 'binary', payload: head.subarray(payloadAt, until), totalBytes };
};
