// Reads the few boxes of ISO/IEC 14496-12 and -15 that say what a stream is and what a fragment holds. Pure; no state.
//
//   box: u32 size, 4 characters type, body of size - 8 bytes; a full box's body starts with u8 version, u24 flags

import { AppError } from '@sitecast/shared/runtime/app-error';

export const BOX_HEADER_BYTES = 8;
// 14496-12 8.8.3.1, sample_is_non_sync_sample.
const NON_SYNC_SAMPLE = 0x0001_0000;
const TRAF = codeOf('traf');
const TFHD = codeOf('tfhd');
const TFDT = codeOf('tfdt');
const TRUN = codeOf('trun');

export interface Movie {
  /** RFC 6381, such as `avc1.64001f`. */
  codec: string;
  width: number;
  height: number;
  /** Ticks per second of decode times and durations. */
  timescale: number;
  /** Of samples whose fragment says nothing else (trex). */
  defaultFlags: number;
  defaultDuration: number;
}

export interface MovieFragment {
  isKeyframe: boolean;
  /** Of the first sample, in ticks. */
  decodeTime: number;
  /** Of all samples, in ticks. */
  duration: number;
  /** From the decode time of the first sample to its presentation, in ticks. */
  compositionOffset: number;
}

export interface Box {
  type: string;
  body: DataView;
}

export function malformed(message: string): AppError {
  return new AppError('FRAME_MALFORMED', `fMP4 of the capture: ${message}`);
}

/**
 * @param moov the body of a moov box with one video track.
 * @throws {AppError} FRAME_MALFORMED; SOURCE_UNSUPPORTED when there is no video.
 */
export function readMovie(moov: Uint8Array): Movie {
  return guarded(() => {
    const movie = children(viewOf(moov));
    const track = movie.filter((box) => box.type === 'trak').map((box) => children(box.body));
    const media = track.map((boxes) => children(need(boxes, 'mdia')));
    const video = media.find((boxes) => isVideo(need(boxes, 'hdlr')));
    if (!video) throw new AppError('SOURCE_UNSUPPORTED', 'the camera sends no video');
    const table = children(need(children(need(video, 'minf')), 'stbl'));
    return {
      ...readSampleEntry(need(table, 'stsd')),
      timescale: readTimescale(need(video, 'mdhd')),
      ...readDefaults(need(children(need(movie, 'mvex')), 'trex')),
    };
  });
}

/** @param moof the body of a moof box. */
export function readMovieFragment(moof: Uint8Array, defaults: Movie): MovieFragment {
  return guarded(() => {
    const track = find(viewOf(moof), TRAF);
    const header = readTrackFragmentHeader(find(track, TFHD), defaults);
    const run = readTrackRun(find(track, TRUN), header);
    const { isKeyframe, duration, compositionOffset } = run;
    return { isKeyframe, duration, compositionOffset, decodeTime: readDecodeTime(find(track, TFDT)) };
  });
}

export function isVideo(hdlr: DataView): boolean {
  return fourCharacters(hdlr, 8) === 'vide';
}

// 78 bytes of VisualSampleEntry before its boxes (14496-12 12.1.3).
const VISUAL_ENTRY_BYTES = 78;

function readSampleEntry(stsd: DataView): Pick<Movie, 'codec' | 'width' | 'height'> {
  const [entry] = children(tail(stsd, 8));
  if (!entry) throw malformed('stsd is empty');
  return {
    codec: readCodec(entry),
    width: entry.body.getUint16(24),
    height: entry.body.getUint16(26),
  };
}

/** As RFC 6381 writes it; of codecs that no browser is given, no more than tells one from another. */
function readCodec({ type, body }: Box): string {
  const config = (box: string): DataView => need(children(tail(body, VISUAL_ENTRY_BYTES)), box);
  if (type === 'avc1' || type === 'avc3') return `${type}.${hex(config('avcC'), 1, 3)}`;
  if (type === 'mp4v') return `mp4v.${hex(config('esds'), objectTypeAt(config('esds')), 1)}`;
  return type.trim();
}

function hex(view: DataView, from: number, bytes: number): string {
  return Array.from({ length: bytes }, (_, index) =>
    view
      .getUint8(from + index)
      .toString(16)
      .padStart(2, '0'),
  ).join('');
}

// 14496-1 7.2.6.5: a descriptor is u8 tag, its length in bytes of seven bits, its body; the ES descriptor (3) holds u16 id, u8
// flags, then the decoder configuration (4), which starts with the object type.
function objectTypeAt(esds: DataView): number {
  const bodyOf = (tag: number, at: number): number => {
    if (esds.getUint8(at) !== tag) throw malformed(`esds has no descriptor ${tag}`);
    let body = at + 1;
    while (esds.getUint8(body) & 0x80) body += 1;
    return body + 1;
  };
  return bodyOf(4, bodyOf(3, 4) + 3);
}

function readTimescale(mdhd: DataView): number {
  return mdhd.getUint32(mdhd.getUint8(0) === 1 ? 20 : 12);
}

function readDefaults(trex: DataView): Pick<Movie, 'defaultFlags' | 'defaultDuration'> {
  return { defaultDuration: trex.getUint32(12), defaultFlags: trex.getUint32(20) };
}

interface SampleDefaults {
  duration: number;
  flags: number;
}

// 14496-12 8.8.7: optional fields follow in the order of their flag bits.
function readTrackFragmentHeader(tfhd: DataView, movie: Movie): SampleDefaults {
  const flags = tfhd.getUint32(0) & 0xff_ffff;
  let at = 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
  const duration = flags & 0x8 ? tfhd.getUint32(at) : movie.defaultDuration;
  at += (flags & 0x8 ? 4 : 0) + (flags & 0x10 ? 4 : 0);
  return { duration, flags: flags & 0x20 ? tfhd.getUint32(at) : movie.defaultFlags };
}

// 14496-12 8.8.8.
function readTrackRun(trun: DataView, defaults: SampleDefaults): Omit<MovieFragment, 'decodeTime'> {
  const flags = trun.getUint32(0) & 0xff_ffff;
  const count = trun.getUint32(4);
  if (count === 0) throw malformed('a fragment without samples');
  let at = 8 + (flags & 0x1 ? 4 : 0);
  let firstFlags = flags & 0x4 ? trun.getUint32(at) : undefined;
  at += flags & 0x4 ? 4 : 0;
  let [duration, compositionOffset] = [0, 0];
  for (let sample = 0; sample < count; sample += 1) {
    duration += flags & 0x100 ? trun.getUint32(at) : defaults.duration;
    at += (flags & 0x100 ? 4 : 0) + (flags & 0x200 ? 4 : 0);
    if (flags & 0x400) firstFlags ??= trun.getUint32(at);
    at += flags & 0x400 ? 4 : 0;
    if (flags & 0x800 && sample === 0) compositionOffset = trun.getInt32(at);
    at += flags & 0x800 ? 4 : 0;
    if (at > trun.byteLength) throw malformed('trun ends early');
  }
  const isKeyframe = ((firstFlags ?? defaults.flags) & NON_SYNC_SAMPLE) === 0;
  return { isKeyframe, duration, compositionOffset };
}

function readDecodeTime(tfdt: DataView): number {
  return tfdt.getUint8(0) === 1 ? Number(tfdt.getBigUint64(4)) : tfdt.getUint32(4);
}

export function children(body: DataView): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at < body.byteLength; at += body.getUint32(at))
    boxes.push({ type: fourCharacters(body, at + 4), body: bodyAt(body, at) });
  return boxes;
}

/** The body of the first box of a type; of every access unit some are looked for, so nothing is made of the others. */
function find(body: DataView, type: number): DataView {
  for (let at = 0; at < body.byteLength; at += sizeAt(body, at))
    if (body.getUint32(at + 4) === type) return bodyAt(body, at);
  throw malformed(`${fourCharactersOf(type)} is missing`);
}

function bodyAt(body: DataView, at: number): DataView {
  return new DataView(
    body.buffer,
    body.byteOffset + at + BOX_HEADER_BYTES,
    sizeAt(body, at) - BOX_HEADER_BYTES,
  );
}

/** Of the box that starts there, header included. */
function sizeAt(body: DataView, at: number): number {
  const size = body.getUint32(at);
  if (size < BOX_HEADER_BYTES || at + size > body.byteLength)
    throw malformed(`a box of ${size} bytes does not fit`);
  return size;
}

export function need(boxes: Box[], type: string): DataView {
  const box = boxes.find((candidate) => candidate.type === type);
  if (!box) throw malformed(`${type} is missing`);
  return box.body;
}

export function fourCharacters(view: DataView, at: number): string {
  return fourCharactersOf(view.getUint32(at));
}

export function fourCharactersOf(code: number): string {
  return String.fromCharCode(code >>> 24, (code >>> 16) & 0xff, (code >>> 8) & 0xff, code & 0xff);
}

/** Of four ASCII characters, as a box carries them: numbers are compared without making a text. */
export function codeOf(type: string): number {
  return Buffer.from(type, 'latin1').readUInt32BE();
}

function tail(view: DataView, from: number): DataView {
  return new DataView(view.buffer, view.byteOffset + from, view.byteLength - from);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// A read beyond the end of a view is how a truncated box shows itself.
export function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw malformed('a box ends early');
    throw error;
  }
}
