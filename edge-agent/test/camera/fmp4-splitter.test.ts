import { describe, expect, it } from 'vitest';
import { mutated, seededRandom } from '../../../shared/test/random.ts';
import { Fmp4Splitter, type SplitFragment, type SplitInit } from '../../src/camera/fmp4-splitter.ts';
import { box, esds, fragment, initSegment, type SampleFragment } from './fmp4-sample.ts';
import { thrownBy } from './thrown.ts';

const random = seededRandom(11);
const samples: SampleFragment[] = Array.from({ length: 12 }, (_, index) => ({
  isKeyframe: index % 5 === 0,
  decodeTime: index * 6_000,
  duration: 6_000,
  payload: random.bytes(1 + random.int(300)),
}));
const stream = Buffer.concat([initSegment(), ...samples.map(fragment)]);

function split(
  chunks: Iterable<Buffer>,
  maxBoxBytes?: number,
): { inits: SplitInit[]; fragments: SplitFragment[] } {
  const inits: SplitInit[] = [];
  const fragments: SplitFragment[] = [];
  const splitter = new Fmp4Splitter({
    onInit: (init) => inits.push(init),
    onFragment: (one) => fragments.push(one),
    ...(maxBoxBytes !== undefined && { maxBoxBytes }),
  });
  for (const chunk of chunks) splitter.push(chunk);
  return { inits, fragments };
}

function* randomChunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.int(random.pick([3, 40, 2_000]));
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

describe('Fmp4Splitter', () => {
  it('reads codec, size and timescale from the init segment', () => {
    const { inits } = split([initSegment({ width: 1920, height: 1080, timescale: 15_360 })]);
    expect(inits).toMatchObject([{ codec: 'avc1.64001f', width: 1920, height: 1080, timescale: 15_360 }]);
    expect(
      Buffer.from(inits[0]!.bytes).equals(initSegment({ width: 1920, height: 1080, timescale: 15_360 })),
    ).toBe(true);
  });

  it('gives each access unit with its time, and knows keyframes', () => {
    const { fragments } = split([stream]);
    expect(
      fragments.map(({ isKeyframe, decodeTime, duration }) => ({ isKeyframe, decodeTime, duration })),
    ).toEqual(samples.map(({ isKeyframe, decodeTime, duration }) => ({ isKeyframe, decodeTime, duration })));
  });

  it('tells how much later than it is decoded a picture is shown', () => {
    const [first, second] = samples as [SampleFragment, SampleFragment];
    const shown = [{ ...first, compositionOffset: 12_000 }, second];
    const { fragments } = split([initSegment(), ...shown.map(fragment)]);
    expect(fragments.map(({ compositionOffset }) => compositionOffset)).toEqual([12_000, 0]);
  });

  it('gives the same bytes for whatever chunks they come in', () => {
    for (let round = 0; round < 200; round += 1) {
      const { inits, fragments } = split(randomChunks(stream));
      expect(Buffer.concat([...inits, ...fragments].map((part) => part.bytes)).equals(stream)).toBe(true);
    }
  });

  it('keeps a fragment in memory of its own, so that holding it holds nothing else', () => {
    const { fragments } = split([stream]);
    for (const { bytes } of fragments) expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  it('gives whole fragments only, wherever the stream is cut', () => {
    const ends = samples.map(
      (_, index) => initSegment().length + Buffer.concat(samples.slice(0, index + 1).map(fragment)).length,
    );
    for (let length = 0; length < stream.length; length += 1) {
      const { fragments } = split([stream.subarray(0, length)]);
      expect(fragments.length).toBe(ends.filter((end) => end <= length).length);
    }
  });

  it('passes over the filler that muxers put between', () => {
    const filler = box('free', Buffer.alloc(33));
    const { fragments } = split([
      initSegment(),
      filler,
      fragment(samples[0]!),
      box('sidx'),
      fragment(samples[1]!),
    ]);
    expect(fragments).toHaveLength(2);
  });

  it('refuses a box above the bound before taking memory for it', () => {
    const huge = Buffer.from('ffffffff6d6f6f66', 'hex');
    expect(thrownBy(() => split([initSegment(), huge]))?.code).toBe('FRAME_MALFORMED');
    expect(thrownBy(() => split([initSegment()], 64))?.code).toBe('FRAME_MALFORMED');
  });

  it('refuses boxes out of order', () => {
    expect(thrownBy(() => split([fragment(samples[0]!)]))?.code).toBe('FRAME_MALFORMED');
    expect(thrownBy(() => split([initSegment(), initSegment()]))?.code).toBe('FRAME_MALFORMED');
    expect(thrownBy(() => split([initSegment(), box('mdat', Buffer.alloc(4))]))?.code).toBe(
      'FRAME_MALFORMED',
    );
  });

  it.each([
    ['hev1', [], 'hev1'],
    ['mp4v', [esds(0x6c)], 'mp4v.6c'],
    ['mp4v', [esds(0x20)], 'mp4v.20'],
  ])('takes other codecs too, and names them: %s %#', (entry, config, codec) => {
    const { inits } = split([initSegment({ entry, config })]);
    expect(inits[0]).toMatchObject({ codec, width: 1280, height: 720 });
  });

  it('refuses an entry whose configuration is missing or cut', () => {
    expect(thrownBy(() => split([initSegment({ entry: 'mp4v' })]))?.code).toBe('FRAME_MALFORMED');
    const cut = box('esds', esds(0x20).subarray(8, 16));
    expect(thrownBy(() => split([initSegment({ entry: 'mp4v', config: [cut] })]))?.code).toBe(
      'FRAME_MALFORMED',
    );
  });

  it('answers damaged and random bytes with an AppError or not at all', () => {
    let refused = 0;
    for (let round = 0; round < 1_200; round += 1) {
      const bytes = round % 3 === 0 ? random.bytes(200) : mutated(random, stream);
      const error = thrownBy(() => split([Buffer.from(bytes)]));
      if (error) expect(['FRAME_MALFORMED', 'SOURCE_UNSUPPORTED']).toContain(error.code);
      refused += error ? 1 : 0;
    }
    expect(refused).toBeGreaterThan(400);
  });
});
