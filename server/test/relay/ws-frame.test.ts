import { describe, expect, it } from 'vitest';
import { prebuildFrame } from '../../src/relay/ws-frame.ts';

describe('prebuildFrame', () => {
  it.each([
    [0, [0x82, 0]],
    [125, [0x82, 125]],
    [126, [0x82, 126, 0, 126]],
    [65_535, [0x82, 126, 0xff, 0xff]],
    [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
    [1_047_552, [0x82, 127, 0, 0, 0, 0, 0, 0x0f, 0xfc, 0]],
  ])('frames %i bytes as RFC 6455 says', (length, header) => {
    const payload = Buffer.alloc(length, 7);
    const expected = Buffer.concat([Buffer.from(header), payload]);
    expect(prebuildFrame(payload).equals(expected)).toBe(true);
  });

  it('does not keep a large allocation alive for a small part of it', () => {
    const chunk = Buffer.alloc(65_536);
    const { buffer } = prebuildFrame(chunk.subarray(0, 20_000));
    expect(buffer).not.toBe(chunk.buffer);
    expect(buffer.byteLength).toBeLessThan(20_100);
  });
});
