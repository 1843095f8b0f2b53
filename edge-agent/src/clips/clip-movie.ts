// The movie box of a finished clip: where each sample lies in the file, and when it is shown (ISO/IEC 14496-12 8.2 to 8.7). What says
// how to decode is copied from the init segment of the capture.

import {
  BOX_HEADER_BYTES,
  children,
  guarded,
  isVideo,
  malformed,
  need,
  viewOf,
  type Box,
} from '../camera/fmp4-boxes.ts';
import { readTrackExtends, type ClipSample, type SampleDefaults } from './clip-samples.ts';

/** Ticks per second of a movie box. */
const MOVIE_TIMESCALE = 1_000;
/** A longer one is a jump of the camera's clock, not a picture that stood still. */
const MAX_PICTURE_SECONDS = 10;
/** What a sample costs in the tables below, at most. */
export const BYTES_PER_SAMPLE = 32;
/** All of a movie box but its samples. */
export const MOVIE_OVERHEAD_BYTES = 8 * 1024;

interface Track {
  /** Of the init segment: everything but the tables of samples. */
  boxes: {
    mvhd: Uint8Array;
    tkhd: Uint8Array;
    mdhd: Uint8Array;
    hdlr: Uint8Array;
    ofMedia: Uint8Array[];
    stsd: Uint8Array;
  };
  timescale: number;
  defaults: SampleDefaults;
}

/** Everything that is known of the samples of one clip. Bound: whoever adds. */
export class ClipMovie {
  readonly #track: Track;
  /** Offset in the file, size, composition: a number each, since there are thousands. */
  readonly #offsets: number[] = [];
  readonly #sizes: number[] = [];
  readonly #compositions: number[] = [];
  readonly #keyframes: number[] = [];
  readonly #durations: number[] = [];
  #totalTicks = 0;
  #newest: ClipSample | undefined;

  /** @param init `ftyp` and `moov` of one video track. @throws {AppError} FRAME_MALFORMED, SOURCE_UNSUPPORTED */
  constructor(init: Uint8Array) {
    this.#track = guarded(() => readTrack(init));
  }

  get defaults(): SampleDefaults {
    return this.#track.defaults;
  }

  get samples(): number {
    return this.#sizes.length;
  }

  get durationMs(): number {
    return Math.round((this.#ticks * 1_000) / this.#track.timescale);
  }

  /** @param at where its fragment begins in the file. */
  add(sample: ClipSample, at: number): void {
    if (this.#newest) this.#endNewest(sample);
    this.#newest = sample;
    this.#offsets.push(at + sample.at);
    this.#sizes.push(sample.bytes);
    this.#compositions.push(sample.compositionTicks);
    if (sample.isKeyframe) this.#keyframes.push(this.samples);
  }

  /** A whole `moov`. */
  encode(): Uint8Array {
    const { mvhd, tkhd } = this.#track.boxes;
    const shownMs = this.durationMs;
    const header = withDuration(withTimescale(mvhd), { v0: 24, v1: 32 }, shownMs);
    const track = withDuration(tkhd, { v0: 28, v1: 36 }, shownMs);
    return box('moov', header, box('trak', track, ...this.#edits(shownMs), this.#media()));
  }

  get #ticks(): number {
    return this.#totalTicks + this.#lastDuration();
  }

  #media(): Buffer {
    const { mdhd, hdlr, ofMedia, stsd } = this.#track.boxes;
    const tables = box('stbl', Buffer.from(stsd), ...this.#tables());
    const header = withDuration(mdhd, { v0: 24, v1: 32 }, this.#ticks);
    return box(
      'mdia',
      header,
      Buffer.from(hdlr),
      box('minf', ...ofMedia.map((bytes) => Buffer.from(bytes)), tables),
    );
  }

  #tables(): Buffer[] {
    const count = this.samples;
    const durations = [...this.#durations, this.#lastDuration()];
    const tables = [full('stts', runsOf(durations))];
    if (this.#compositions.some((ticks) => ticks !== 0))
      tables.push(full('ctts', runsOf(this.#compositions), 1));
    if (this.#keyframes.length < count)
      tables.push(full('stss', [this.#keyframes.length, ...this.#keyframes]));
    tables.push(full('stsc', [1, 1, 1, 1]));
    tables.push(full('stsz', [0, count, ...this.#sizes]));
    tables.push(full('stco', [count, ...this.#offsets]));
    return tables;
  }

  /** Where pictures are decoded before they are shown, the clip begins with the first that is shown. */
  #edits(shownMs: number): Buffer[] {
    const first = this.#compositions[0] ?? 0;
    return first > 0 ? [box('edts', full('elst', [1, shownMs, first, 0x0001_0000]))] : [];
  }

  #endNewest(next: ClipSample): void {
    const ended = this.#newest!;
    const until = next.decodeTime - ended.decodeTime;
    const isCredible = until > 0 && until <= MAX_PICTURE_SECONDS * this.#track.timescale;
    const ticks = isCredible ? until : this.#declaredDuration(ended);
    this.#durations.push(ticks);
    this.#totalTicks += ticks;
  }

  #lastDuration(): number {
    return this.#newest ? this.#declaredDuration(this.#newest) : 0;
  }

  #declaredDuration({ durationTicks }: ClipSample): number {
    const { timescale } = this.#track;
    const isCredible = durationTicks > 0 && durationTicks <= MAX_PICTURE_SECONDS * timescale;
    return isCredible ? durationTicks : (this.#durations.at(-1) ?? Math.round(timescale / 25));
  }
}

function readTrack(init: Uint8Array): Track {
  const view = viewOf(init);
  const movie = children(need(children(view), 'moov'));
  const tracks = movie.filter(({ type }) => type === 'trak').map(({ body }) => children(body));
  const track = tracks.find((boxes) => isVideo(need(children(need(boxes, 'mdia')), 'hdlr')));
  if (!track) throw malformed('an init segment without video');
  const media = children(need(track, 'mdia'));
  const information = children(need(media, 'minf'));
  const tables = children(need(information, 'stbl'));
  const mdhd = need(media, 'mdhd');
  return {
    boxes: {
      mvhd: whole(movie, 'mvhd'),
      tkhd: whole(track, 'tkhd'),
      mdhd: whole(media, 'mdhd'),
      hdlr: whole(media, 'hdlr'),
      ofMedia: information.filter(({ type }) => type !== 'stbl').map(bytesOf),
      stsd: whole(tables, 'stsd'),
    },
    timescale: Math.max(1, mdhd.getUint32(mdhd.getUint8(0) === 1 ? 20 : 12)),
    defaults: readTrackExtends(need(children(need(movie, 'mvex')), 'trex')),
  };
}

function whole(boxes: Box[], type: string): Uint8Array {
  const found = boxes.find((candidate) => candidate.type === type);
  if (!found) throw malformed(`${type} is missing`);
  return bytesOf(found);
}

/** With its header. */
function bytesOf({ body }: Box): Uint8Array {
  return new Uint8Array(body.buffer, body.byteOffset - BOX_HEADER_BYTES, body.byteLength + BOX_HEADER_BYTES);
}

/** Where version 0 and version 1 of a full box have it, from the begin of the box. */
interface Place {
  v0: number;
  v1: number;
}

function withTimescale(mvhd: Uint8Array): Buffer {
  const copy = Buffer.from(mvhd);
  copy.writeUInt32BE(MOVIE_TIMESCALE, copy[BOX_HEADER_BYTES] === 1 ? 28 : 20);
  return copy;
}

function withDuration(original: Uint8Array, place: Place, duration: number): Buffer {
  const copy = Buffer.from(original);
  if (copy[BOX_HEADER_BYTES] === 1) copy.writeBigUInt64BE(BigInt(duration), place.v1);
  else copy.writeUInt32BE(Math.min(duration, 0xffff_ffff), place.v0);
  return copy;
}

/** Count of runs, then length and value of each. */
function runsOf(values: number[]): number[] {
  const runs: number[] = [0];
  for (const [index, value] of values.entries()) {
    if (index > 0 && value === values[index - 1]) runs[runs.length - 2]! += 1;
    else runs.push(1, value);
  }
  runs[0] = (runs.length - 1) / 2;
  return runs;
}

function full(type: string, words: number[], version = 0): Buffer {
  const body = Buffer.alloc(4 + 4 * words.length);
  body.writeUInt8(version, 0);
  for (const [index, word] of words.entries()) body.writeUInt32BE(word >>> 0, 4 + 4 * index);
  return box(type, body);
}

function box(type: string, ...bodies: Buffer[]): Buffer {
  const body = Buffer.concat(bodies);
  const header = Buffer.alloc(BOX_HEADER_BYTES);
  header.writeUInt32BE(BOX_HEADER_BYTES + body.length, 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, body]);
}
