// Profile and level of a stream, as its init segment says them.

import type { SplitInit } from '../camera/fmp4-splitter.ts';

/** profile_idc of ITU-T H.264 annex A, in hexadecimal as in RFC 6381. */
const H264_PROFILES: Record<string, string> = {
  '42': 'Baseline',
  '4d': 'Main',
  '58': 'Extended',
  '64': 'High',
};
const HEVC_CONFIG = 'hvcC';
// ISO/IEC 14496-15 8.3.3.1.2: general_level_idc is the 13th byte of the record, thirty times the level.
const HEVC_LEVEL_AT = 12;

/** For streams whose log does not name it. */
export function profileOf({ codec }: Pick<SplitInit, 'codec'>): string | null {
  const profile = /^avc[13]\.([0-9a-f]{2})/.exec(codec)?.[1];
  return (profile && H264_PROFILES[profile]) ?? null;
}

/** @returns such as `3.1`; null for codecs that have none, or do not tell. */
export function levelOf({ codec, bytes }: Pick<SplitInit, 'codec' | 'bytes'>): string | null {
  // The last byte of `avc1.PPCCLL` is ten times the level.
  const level = /^avc[13]\.[0-9a-f]{4}([0-9a-f]{2})$/.exec(codec)?.[1];
  if (level !== undefined) return (Number.parseInt(level, 16) / 10).toFixed(1);
  if (codec !== 'hev1' && codec !== 'hvc1') return null;
  // ffmpeg writes the init segment: the four letters stand in it once.
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(HEVC_CONFIG, 0, 'latin1');
  const thirtyfold = found < 0 ? undefined : bytes[found + HEVC_CONFIG.length + HEVC_LEVEL_AT];
  return thirtyfold ? (thirtyfold / 30).toFixed(1) : null;
}
