// Follows MQTT control packets through a byte stream without keeping a byte of it: it sees how long each is going to be
// before the parser buffers it. Fixed header, MQTT 3.1.1 section 2.2:
//
//   offset size field
//     0     1   packet type and flags
//     1    1-4  remaining length, 7 bits a byte, least significant first, bit 7: more follow

const MAX_LENGTH_BYTES = 4;

export type ScanResult = 'ok' | 'too-large' | 'malformed';

export class PacketScanner {
  /** Of the packet that is being received; -1 before its first byte, and while its length is unknown. */
  #remaining = -1;
  #lengthBytes = 0;
  #length = 0;
  #hasType = false;
  #receivingBytes = 0;
  #packets = 0;
  #scannedBytes = 0;

  /** Of the last chunk: less than its length when `maxPackets` were over. */
  get scannedBytes(): number {
    return this.#scannedBytes;
  }

  /** Packets that are here to their end. */
  get packets(): number {
    return this.#packets;
  }

  /** Whether a packet has begun, be it by one byte, and is not all here. */
  get isWithinPacket(): boolean {
    return this.#hasType;
  }

  /** Declared size of the packet that is only partly here; 0 between packets. */
  get receivingBytes(): number {
    return this.#receivingBytes;
  }

  /** Bytes of that packet that have not come yet. */
  get missingBytes(): number {
    return Math.max(0, this.#remaining);
  }

  /**
   * Takes the next bytes of the stream.
   * @param maxBytes of the remaining length of each packet that starts within `chunk`.
   * @param maxPackets that may end within `chunk`; see `scannedBytes`.
   * @returns anything but `ok` means that the stream is lost: close it.
   */
  scan(chunk: Uint8Array, maxBytes: number, maxPackets = Infinity): ScanResult {
    const lastPacket = this.#packets + maxPackets;
    let offset = 0;
    while (offset < chunk.length && this.#packets < lastPacket) {
      if (this.#remaining >= 0) {
        offset += this.#skipBody(chunk.length - offset);
        continue;
      }
      const result = this.#takeHeaderByte(chunk[offset] as number, maxBytes);
      if (result !== 'ok') return result;
      offset += 1;
    }
    this.#scannedBytes = offset;
    return 'ok';
  }

  #takeHeaderByte(byte: number, maxBytes: number): ScanResult {
    if (!this.#hasType) {
      this.#hasType = true;
      return 'ok';
    }
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    if (this.#length > maxBytes) return 'too-large';
    if (byte & 0x80) return this.#lengthBytes < MAX_LENGTH_BYTES ? 'ok' : 'malformed';
    this.#remaining = this.#length;
    this.#receivingBytes = this.#length;
    if (this.#remaining === 0) this.#endPacket();
    return 'ok';
  }

  #skipBody(available: number): number {
    const taken = Math.min(available, this.#remaining);
    this.#remaining -= taken;
    if (this.#remaining === 0) this.#endPacket();
    return taken;
  }

  #endPacket(): void {
    this.#packets += 1;
    this.#remaining = -1;
    this.#lengthBytes = 0;
    this.#length = 0;
    this.#hasType = false;
    this.#receivingBytes = 0;
  }
}
