// Fragments as a capture gives them, and what a finished clip says of its samples.

import type { Fragment, InitSegment } from '../../src/camera/fragment.ts';
import { fragment, initSegment } from '../camera/fmp4-sample.ts';

export const TIMESCALE = 90_000;
export const FPS = 25;

export function newInit(epoch = 1): InitSegment {
  const bytes = initSegment({ timescale: TIMESCALE });
  return { epoch, container: 'fmp4', bytes, codec: 'avc1.64001f', mime: '', width: 1280, height: 720 };
}

interface Drawing {
  init?: InitSegment;
  /** Number of the first. */
  from?: number;
  /** Of a picture. */
  bytes?: number;
}

/** K is a keyframe, p depends on what was before; each holds its own number. */
export function draw(pattern: string, { init = newInit(), from = 0, bytes = 100 }: Drawing = {}): Fragment[] {
  return [...pattern].map((letter, index) => {
    const sequence = from + index;
    const isKeyframe = letter === 'K';
    const decodeTime = (sequence * TIMESCALE) / FPS;
    const payload = Buffer.alloc(bytes, sequence % 251);
    return {
      init,
      bytes: fragment({ isKeyframe, decodeTime, duration: TIMESCALE / FPS, payload }),
      isKeyframe,
      isDiscontinuity: sequence === 0,
      sequence,
      capturedAtUs: 1_800_000_000_000_000 + sequence * 40_000,
      decodeTimeS: decodeTime / TIMESCALE,
    };
  });
}

export interface ReadClip {
  /** Boxes at the top, in order. */
  boxes: string[];
  /** Content of each sample, where the tables say that it is. */
  samples: Buffer[];
  durationsTicks: number[];
  /** From 1. */
  keyframes: number[];
  durationMs: number;
}

/** Reads a finished clip by its tables alone. */
export function readClip(file: Buffer): ReadClip {
  const top = boxesOf(file);
  const movie = boxesOf(top.find(({ type }) => type === 'moov')!.body);
  const track = find(movie, 'trak');
  const media = find(track, 'mdia');
  const tables = find(find(media, 'minf'), 'stbl');
  const words = (type: string): number[] => wordsOf(tables.find((box) => box.type === type)?.body);
  const [, , ...sizes] = words('stsz');
  const [, ...offsets] = words('stco');
  const [, ...runs] = words('stts');
  const durationsTicks: number[] = [];
  for (let at = 0; at < runs.length; at += 2)
    durationsTicks.push(...Array<number>(runs[at]!).fill(runs[at + 1]!));
  return {
    boxes: top.map(({ type }) => type),
    samples: sizes.map((size, index) => file.subarray(offsets[index], offsets[index]! + size)),
    durationsTicks,
    keyframes: words('stss').slice(1),
    durationMs: movie.find(({ type }) => type === 'mvhd')!.body.readUInt32BE(16),
  };
}

interface Box {
  type: string;
  body: Buffer;
}

function boxesOf(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at < bytes.length;) {
    const isLarge = bytes.readUInt32BE(at) === 1;
    const size = isLarge ? Number(bytes.readBigUInt64BE(at + 8)) : bytes.readUInt32BE(at);
    boxes.push({
      type: bytes.toString('latin1', at + 4, at + 8),
      body: bytes.subarray(at + (isLarge ? 16 : 8), at + size),
    });
    at += size;
  }
  return boxes;
}

function find(boxes: Box[], type: string): Box[] {
  return boxesOf(boxes.find((box) => box.type === type)!.body);
}

/** Behind version and flags. */
function wordsOf(body: Buffer | undefined): number[] {
  if (!body) return [];
  return Array.from({ length: body.length / 4 - 1 }, (_, index) => body.readUInt32BE(4 + 4 * index));
}
