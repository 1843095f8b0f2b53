// Decodes one keyframe JPEG and writes it again so that it fits a number of bytes. The only user of sharp.

import sharp, { type Sharp } from 'sharp';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';

// One picture at a time (snapshot-maker.ts) on one thread: a gateway has other work. No cache: no picture comes twice.
sharp.concurrency(1);
sharp.cache(false);
// libvips reads more formats than we ever have a use for; each is a parser less to be attacked.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: ['VipsForeignLoadJpegBuffer'] });

/** Policy: reject. Of a picture to be decoded; a bomb of 15,000 x 15,000 would cost 700 MB. Bounds in edge-agent/README.md. */
const MAX_INPUT_PIXELS = 4096 * 2304;

const BEST_QUALITY = 82;
const WORST_QUALITY = 30;
/** When even the worst quality does not fit, each further try has this much of the width. */
const SHRINK = 0.75;
const MAX_SHRINKS = 4;

export interface Pixels {
  data: Buffer;
  width: number;
  height: number;
}

export interface EncodedPicture {
  bytes: Uint8Array;
  width: number;
  height: number;
}

/**
 * @returns RGB pixels, not larger than the original.
 * @throws {AppError} FRAME_MALFORMED when it is not a whole JPEG of at most MAX_INPUT_PIXELS.
 */
export async function decodePicture(jpeg: Uint8Array, maxWidth: number): Promise<Pixels> {
  try {
    const { data, info } = await sharp(jpeg, { limitInputPixels: MAX_INPUT_PIXELS, failOn: 'warning' })
      .resize({ width: maxWidth, withoutEnlargement: true })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  } catch (error) {
    throw new AppError('FRAME_MALFORMED', `a keyframe picture could not be decoded: ${messageOf(error)}`);
  }
}

/**
 * The best quality whose JPEG has at most `maxBytes`; a picture that does not fit at any quality gets smaller.
 * @throws {AppError} PAYLOAD_TOO_LARGE when nothing helps.
 */
export async function encodeToFit(
  pixels: Pixels,
  maxWidth: number,
  maxBytes: number,
): Promise<EncodedPicture> {
  let width = Math.min(maxWidth, pixels.width);
  for (let shrinks = 0; shrinks <= MAX_SHRINKS; shrinks += 1) {
    const found = await bestQuality(await resized(pixels, width), maxBytes);
    if (found) return found;
    width = Math.max(16, Math.round(width * SHRINK));
  }
  throw new AppError(
    'PAYLOAD_TOO_LARGE',
    `a picture of ${pixels.width}x${pixels.height} does not fit ${maxBytes} bytes`,
  );
}

async function bestQuality(pixels: Pixels, maxBytes: number): Promise<EncodedPicture | undefined> {
  const best = await encode(pixels, BEST_QUALITY);
  if (best.bytes.length <= maxBytes) return best;
  let [low, high] = [WORST_QUALITY, BEST_QUALITY - 1];
  let fits: EncodedPicture | undefined;
  while (low <= high) {
    const quality = (low + high) >> 1;
    const tried = await encode(pixels, quality);
    if (tried.bytes.length <= maxBytes) {
      fits = tried;
      low = quality + 1;
    } else high = quality - 1;
  }
  return fits;
}

async function encode(pixels: Pixels, quality: number): Promise<EncodedPicture> {
  const bytes = await fromPixels(pixels).jpeg({ quality }).toBuffer();
  return { bytes, width: pixels.width, height: pixels.height };
}

async function resized(pixels: Pixels, width: number): Promise<Pixels> {
  if (width >= pixels.width) return pixels;
  const { data, info } = await fromPixels(pixels)
    .resize({ width })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

function fromPixels({ data, width, height }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}
