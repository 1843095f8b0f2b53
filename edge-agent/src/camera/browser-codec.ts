// Which of the camera's codecs browsers play, so that its video can be passed through.

// profile_idc of ITU-T H.264 annex A: Baseline, Main, Extended, High. High 10, 4:2:2 and 4:4:4 (110, 122, 244) no common
// browser plays in hardware, and most not at all.
const PLAYABLE_PROFILES = new Set(['42', '4d', '58', '64']);

/** @param codec RFC 6381, such as `avc1.64001f`. */
export function isBrowserCodec(codec: string): boolean {
  const [family, parameters = ''] = codec.split('.');
  return (family === 'avc1' || family === 'avc3') && PLAYABLE_PROFILES.has(parameters.slice(0, 2));
}
