// Reads what a fragment holds, sample by sample (ISO/IEC 14496-12 8.8): what a movie box has to say of it. Pure; no state.

import { BOX_HEADER_BYTES, children, guarded, malformed, need, viewOf } from '../camera/fmp4-boxes.ts';

// 8.8.3.1, sample_is_non_sync_sample.
const NON_SYNC_SAMPLE = 0x0001_0000;

/** Of samples whose fragment says nothing else: the body of a trex box. */
export interface SampleDefaults {
  durationTicks: number;
  bytes: number;
  flags: number;
}

export interface ClipSample {
  /** Of its first byte within the fragment. */
  at: number;
  bytes: number;
  decodeTime: number;
  durationTicks: number;
  /** From its decoding to its presentation. */
  compositionTicks: number;
  isKeyframe: boolean;
}

export function readTrackExtends(trex: DataView): SampleDefaults {
  return {
    durationTicks: trex.getUint32(12),
    bytes: trex.getUint32(16),
    flags: trex.getUint32(20),
  };
}

/**
 * @param fragment `moof` and `mdat` with the samples of one track, one after the other.
 * @throws {AppError} FRAME_MALFORMED
 */
export function readSamples(fragment: Uint8Array, defaults: SampleDefaults): ClipSample[] {
  return guarded(() => {
    const [moof, mdat] = children(viewOf(fragment));
    if (moof?.type !== 'moof' || mdat?.type !== 'mdat')
      throw malformed('a fragment is not a moof and an mdat');
    const track = children(need(children(moof.body), 'traf'));
    const header = readHeader(need(track, 'tfhd'), defaults);
    const at = 2 * BOX_HEADER_BYTES + moof.body.byteLength;
    const endsAt = at + mdat.body.byteLength;
    const samples = readRun(need(track, 'trun'), header, {
      at,
      endsAt,
      decodeTime: readDecodeTime(need(track, 'tfdt')),
    });
    const last = samples.at(-1);
    if (!last || last.at + last.bytes !== endsAt) throw malformed('samples are not all of the mdat');
    return samples;
  });
}

// 8.8.7: optional fields follow in the order of their flag bits.
function readHeader(tfhd: DataView, defaults: SampleDefaults): SampleDefaults {
  const flags = tfhd.getUint32(0) & 0xff_ffff;
  let at = 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
  const optional = (bit: number, otherwise: number): number => {
    if (!(flags & bit)) return otherwise;
    at += 4;
    return tfhd.getUint32(at - 4);
  };
  return {
    durationTicks: optional(0x8, defaults.durationTicks),
    bytes: optional(0x10, defaults.bytes),
    flags: optional(0x20, defaults.flags),
  };
}

// 8.8.8.
function readRun(
  trun: DataView,
  defaults: SampleDefaults,
  { endsAt, ...first }: Pick<ClipSample, 'at' | 'decodeTime'> & { endsAt: number },
): ClipSample[] {
  const flags = trun.getUint32(0) & 0xff_ffff;
  const count = trun.getUint32(4);
  let offset = 8 + (flags & 0x1 ? 4 : 0);
  const optional = (bit: number, otherwise: number): number => {
    if (!(flags & bit)) return otherwise;
    offset += 4;
    return trun.getUint32(offset - 4);
  };
  const firstFlags = optional(0x4, defaults.flags);
  const samples: ClipSample[] = [];
  let { at, decodeTime } = first;
  for (let index = 0; index < count; index += 1) {
    const durationTicks = optional(0x100, defaults.durationTicks);
    const bytes = optional(0x200, defaults.bytes);
    const sampleFlags = optional(0x400, index === 0 ? firstFlags : defaults.flags);
    // Signed in version 1; what version 0 has beyond 2^31 is a negative number in the wrong place.
    const compositionTicks = optional(0x800, 0) | 0;
    // The count may be anything, where a disk has flipped a bit.
    if (bytes === 0 || at + bytes > endsAt)
      throw malformed(`sample ${index + 1} of ${count} ends behind the mdat`);
    const isKeyframe = (sampleFlags & NON_SYNC_SAMPLE) === 0;
    samples.push({ at, bytes, decodeTime, durationTicks, compositionTicks, isKeyframe });
    at += bytes;
    decodeTime += durationTicks;
  }
  return samples;
}

function readDecodeTime(tfdt: DataView): number {
  return tfdt.getUint8(0) === 1 ? Number(tfdt.getBigUint64(4)) : tfdt.getUint32(4);
}
