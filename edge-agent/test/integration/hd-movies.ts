// Recordings of 1280x720 at 15 pictures a second, four seconds of each.

import { recording } from './recordings.ts';

export function hdMovie(name: string, ...encoder: string[]): Promise<string> {
  return recording(name, '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=15', '-t', '4', ...encoder);
}

export const H264 = [
  '-pix_fmt',
  'yuv420p',
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-g',
  '30',
  '-bf',
  '2',
];
