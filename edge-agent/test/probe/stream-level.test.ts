import { describe, expect, it } from 'vitest';
import { levelOf, profileOf } from '../../src/probe/stream-level.ts';
import { box, initSegment } from '../camera/fmp4-sample.ts';

// version, space and profile, compatibility (4), constraints (6), then the level: 4.1 is 123.
const hvcC = Buffer.from([1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 123, 0xf0]);
const hevc = initSegment({ entry: 'hev1', config: [box('hvcC', hvcC)] });

describe('levelOf and profileOf', () => {
  it('read H.264 from its codec, and the level of H.265 from its configuration', () => {
    expect(levelOf({ codec: 'avc1.640028', bytes: initSegment() })).toBe('4.0');
    expect(profileOf({ codec: 'avc1.640028' })).toBe('High');
    expect(levelOf({ codec: 'hev1', bytes: hevc })).toBe('4.1');
  });

  it('say nothing of what they do not know, or what is cut off', () => {
    expect(profileOf({ codec: 'avc1.7a0028' })).toBeNull();
    expect(profileOf({ codec: 'hev1' })).toBeNull();
    expect(levelOf({ codec: 'mp4v.6c', bytes: initSegment() })).toBeNull();
    expect(levelOf({ codec: 'hev1', bytes: initSegment() })).toBeNull();
    const cut = hevc.subarray(0, hevc.indexOf('hvcC') + 10);
    expect(levelOf({ codec: 'hev1', bytes: cut })).toBeNull();
  });
});
