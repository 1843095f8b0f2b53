import { describe, expect, it } from 'vitest';
import { PacketScanner } from '../../src/node/packet-scanner.ts';

/** A PUBLISH header and a body of `bodyBytes` zeros. */
function packet(bodyBytes: number): Buffer {
  const length: number[] = [];
  for (let rest = bodyBytes; ; rest = Math.floor(rest / 128)) {
    length.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(bodyBytes)]);
}

describe('PacketScanner', () => {
  it('passes packets of every length form up to the bound, however the stream is cut', () => {
    const sizes = [0, 1, 127, 128, 16_383, 16_384, 20_000];
    const stream = Buffer.concat(sizes.map(packet));
    for (const step of [1, 2, 3, 7, 1_000, stream.length]) {
      const scanner = new PacketScanner();
      for (let at = 0; at < stream.length; at += step) {
        if (scanner.scan(stream.subarray(at, at + step), 20_000) !== 'ok') expect.fail(`at ${at} by ${step}`);
      }
      expect(scanner.receivingBytes).toBe(0);
    }
  });

  it('refuses a packet by its header alone, before any of its body', () => {
    expect(new PacketScanner().scan(packet(20_001).subarray(0, 4), 20_000)).toBe('too-large');
    expect(new PacketScanner().scan(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]), 16_384)).toBe('too-large');
  });

  it('refuses the second packet of a chunk when only that one is too large', () => {
    expect(new PacketScanner().scan(Buffer.concat([packet(10), packet(101)]), 100)).toBe('too-large');
  });

  it('refuses a length of more than four bytes', () => {
    expect(new PacketScanner().scan(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]), 300_000_000)).toBe(
      'malformed',
    );
  });

  it('tells the declared size of the packet that is being received', () => {
    const scanner = new PacketScanner();
    const bytes = packet(5_000);
    scanner.scan(bytes.subarray(0, 2_000), 10_000);
    expect(scanner.receivingBytes).toBe(5_000);
    scanner.scan(bytes.subarray(2_000), 10_000);
    expect(scanner.receivingBytes).toBe(0);
  });
});
