// The brightness of a keyframe picture on a small grid: what picture sense looks at.

import sharp from 'sharp';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { MAX_INPUT_PIXELS } from './picture-encoder.ts';

export const LUMA_WIDTH = 96;
export const LUMA_HEIGHT = 54;

/** LUMA_WIDTH x LUMA_HEIGHT values of 0 to 255, row by row, whatever the shape of the picture was. */
export type Luma = Uint8Array;

/** @throws {AppError} FRAME_MALFORMED when it is not a whole JPEG of believable size. */
export async function decodeLuma(jpeg: Uint8Array): Promise<Luma> {
  try {
    return await sharp(jpeg, { limitInputPixels: MAX_INPUT_PIXELS, failOn: 'warning' })
      .resize({ width: LUMA_WIDTH, height: LUMA_HEIGHT, fit: 'fill', kernel: 'linear' })
      .toColourspace('b-w')
      .raw()
      .toBuffer();
  } catch (error) {
    throw new AppError('FRAME_MALFORMED', `a keyframe picture could not be decoded: ${messageOf(error)}`);
  }
}
