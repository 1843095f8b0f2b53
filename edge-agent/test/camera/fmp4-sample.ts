// Writes fMP4 as a capture does, field by field (ISO/IEC 14496-12), so that the splitter is tested against the standard and not
// against itself. The integration suite has the real thing.

export interface SampleFragment {
  isKeyframe: boolean;
  decodeTime: number;
  duration: number;
  payload: Uint8Array;
  compositionOffset?: number;
}

const NON_SYNC = 0x0101_0000;
const SYNC = 0x0200_0000;

export function box(type: string, ...bodies: Uint8Array[]): Buffer {
  const body = Buffer.concat(bodies);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(body.length + 8, 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, body]);
}

interface InitSample {
  entry?: string;
  /** Boxes of the sample entry that say how to decode it; H.264's without. */
  config?: Uint8Array[];
  width?: number;
  height?: number;
  timescale?: number;
}

/** ISO/IEC 14496-1 7.2.6.5, with lengths of four bytes as ffmpeg writes them. */
export function esds(objectType: number): Buffer {
  const decoder = Buffer.from([4, 0x80, 0x80, 0x80, 13, objectType, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const descriptor = Buffer.from([3, 0x80, 0x80, 0x80, 3 + decoder.length, 0, 1, 0]);
  return box('esds', words(0), descriptor, decoder);
}

export function initSegment({
  entry = 'avc1',
  config,
  width = 1280,
  height = 720,
  timescale = 90_000,
}: InitSample = {}): Buffer {
  const visual = Buffer.alloc(78);
  visual.writeUInt16BE(width, 24);
  visual.writeUInt16BE(height, 26);
  const avcC = box('avcC', Buffer.from([1, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0, 0]));
  const stsd = box('stsd', words(0, 1), box(entry, visual, ...(config ?? [avcC])));
  const stbl = box('stbl', stsd, box('stts', words(0, 0)));
  const hdlr = box('hdlr', words(0, 0), Buffer.from('vide'), words(0, 0, 0), Buffer.from('Video\0'));
  const mdia = box('mdia', box('mdhd', words(0, 0, 0, timescale, 0, 0)), hdlr, box('minf', stbl));
  const trak = box('trak', box('tkhd', Buffer.alloc(84)), mdia);
  const mvex = box('mvex', box('trex', words(0, 1, 1, 0, 0, NON_SYNC)));
  return Buffer.concat([
    box('ftyp', Buffer.from('iso5\0\0\x02\0iso5iso6mp41')),
    box('moov', box('mvhd', Buffer.alloc(100)), trak, mvex),
  ]);
}

/** Sample flags in tfhd and, for a keyframe, in trun's first-sample-flags, as ffmpeg writes them. */
export function fragment(sample: SampleFragment): Buffer {
  const { isKeyframe, decodeTime, duration, payload, compositionOffset } = sample;
  const tfhd = box('tfhd', words(0x02_0038, 1, duration, payload.length, NON_SYNC));
  const tfdt = Buffer.alloc(12);
  tfdt.writeUInt8(1, 0);
  tfdt.writeBigUInt64BE(BigInt(decodeTime), 4);
  const hasOffset = compositionOffset === undefined ? 0 : 0x800;
  const run = isKeyframe ? words(0x05 + hasOffset, 1, 120, SYNC) : words(0x01 + hasOffset, 1, 116);
  const offset = compositionOffset === undefined ? Buffer.alloc(0) : words(compositionOffset);
  return Buffer.concat([
    box('moof', box('mfhd', words(0, 1)), box('traf', tfhd, box('tfdt', tfdt), box('trun', run, offset))),
    box('mdat', payload),
  ]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}
