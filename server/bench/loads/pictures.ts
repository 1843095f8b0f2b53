// JPEGs of a wanted size: real ones in small, filled up with comments (ITU-T T.81, B.2.4.5), different each time.

import { randomFillSync } from 'node:crypto';
import { JPEG } from '../../test/e2e/support/device.ts';

const MAX_COMMENT_BYTES = 65_000;
const SOI_BYTES = 2;

export function paddedJpeg(bytes: number): Buffer {
  const comments: Buffer[] = [];
  for (let left = bytes - JPEG.length; left > 4; left -= MAX_COMMENT_BYTES + 4) {
    comments.push(comment(Math.min(MAX_COMMENT_BYTES, left)));
  }
  return Buffer.concat([JPEG.subarray(0, SOI_BYTES), ...comments, JPEG.subarray(SOI_BYTES)]);
}

function comment(bytes: number): Buffer {
  const segment = Buffer.allocUnsafe(4 + bytes);
  segment.writeUInt16BE(0xfffe, 0);
  segment.writeUInt16BE(2 + bytes, 2);
  randomFillSync(segment, 4);
  return segment;
}

/** Whoever decodes it asks for 12 GB: its frame header (B.2.2) says 65,535 x 65,535 pixels. */
export function absurdJpeg(): Buffer {
  const picture = Buffer.from(JPEG);
  const frameHeader = picture.indexOf(Buffer.from([0xff, 0xc0]));
  picture.writeUInt32BE(0xffffffff, frameHeader + 5);
  return picture;
}
