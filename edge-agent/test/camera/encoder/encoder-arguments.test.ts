import { describe, expect, it } from 'vitest';
import {
  encoderArguments,
  lowTarget,
  mainTarget,
  mpeg1Options,
  mpeg1Target,
  trialArguments,
} from '../../../src/camera/encoder/encoder-arguments.ts';
import { HARDWARE_ENCODERS } from '../../../src/camera/encoder/video-encoders.ts';
import { privacyMasks } from '../../../src/camera/privacy-masks.ts';
import { modernFfmpeg } from './samples.ts';

const valueOf = (args: string[], option: string): string | undefined => args[args.indexOf(option) + 1];
const hd = { width: 1920, height: 1080 };

describe('encoderArguments', () => {
  it('reads the capture from a pipe, and nothing else, without looking for more than its init segment says', () => {
    const args = encoderArguments({ ffmpeg: modernFfmpeg, encoder: 'libx264', target: lowTarget(hd) });
    const before = args.slice(0, args.indexOf('-i'));
    expect(valueOf(args, '-i')).toBe('pipe:0');
    expect(valueOf(before, '-protocol_whitelist')).toBe('pipe');
    expect(valueOf(before, '-analyzeduration')).toBe('0');
    expect(args.at(-1)).toBe('pipe:1');
  });

  it('asks libx264 for live pictures: no delay, baseline, a keyframe a second, at most 500 kbit/s', () => {
    const args = encoderArguments({ ffmpeg: modernFfmpeg, encoder: 'libx264', target: lowTarget(hd) });
    expect(valueOf(args, '-c:v')).toBe('libx264');
    expect(valueOf(args, '-tune')).toBe('zerolatency');
    expect(valueOf(args, '-profile:v')).toBe('baseline');
    expect(valueOf(args, '-maxrate')).toBe('500000');
    expect(valueOf(args, '-vf')).toBe('scale=640:360,setsar=1,format=yuv420p');
    expect(valueOf(args, '-force_key_frames')).toContain('prev_forced_t+1');
    expect(valueOf(args, '-fps_mode')).toBe('passthrough');
  });

  it('leaves pictures out before anything is done with them, and paints masks all the same, at a slower pace', () => {
    const masks = privacyMasks([{ x: 0, y: 0, width: 0.5, height: 0.5 }]);
    const pace = { maxBitsPerSecond: 220_000, maxFps: 10 };
    const target = lowTarget(hd, masks, pace);
    const args = encoderArguments({ ffmpeg: modernFfmpeg, encoder: 'libx264', target });
    expect(valueOf(args, '-maxrate')).toBe('220000');
    const filters = valueOf(args, '-vf') ?? '';
    expect(filters).toMatch(/^select='[^']*0\.0950[^']*',scale=640:360/);
    expect(filters).toContain('drawbox');
    expect(valueOf(args, '-g')).toBe('20');
    const ofMpeg1 = mpeg1Options(mpeg1Target(hd, masks, pace));
    expect(ofMpeg1).toMatchObject({ '-b:v': '440000', '-r': '25' });
    expect(ofMpeg1['-vf']).toContain('drawbox');
  });

  it.each(HARDWARE_ENCODERS)(
    'gives %s its pictures in its own form, and tries it with the same options',
    (encoder) => {
      const target = lowTarget({ width: 640, height: 360 });
      const args = encoderArguments({ ffmpeg: modernFfmpeg, encoder, target });
      const trial = trialArguments({ ffmpeg: modernFfmpeg, encoder });
      for (const option of ['-vf', '-c:v', '-maxrate'])
        expect(valueOf(trial, option)).toBe(valueOf(args, option));
      expect(valueOf(args, '-c:v')).toBe(encoder);
      expect(trial.indexOf('-vaapi_device') >= 0).toBe(encoder === 'h264_vaapi');
    },
  );
});

describe('The size of an encoded picture', () => {
  it.each([
    [
      { width: 1920, height: 1080 },
      { width: 640, height: 360 },
    ],
    [
      { width: 2592, height: 1944 },
      { width: 640, height: 480 },
    ],
    [
      { width: 352, height: 288 },
      { width: 352, height: 288 },
    ],
    [
      { width: 1079, height: 1919 },
      { width: 640, height: 1138 },
    ],
    [
      { width: 0, height: 0 },
      { width: 2, height: 2 },
    ],
  ])('is even and at most 640 wide as `low`: %j -> %j', (source, size) => {
    expect(lowTarget(source)).toMatchObject({ ...size, maxBitsPerSecond: 500_000 });
  });

  it('is at most 1920 wide as `main`, with bits by its pixels', () => {
    expect(mainTarget({ width: 3840, height: 2160 })).toMatchObject({
      width: 1920,
      height: 1080,
      maxBitsPerSecond: 4_147_200,
    });
    expect(mainTarget({ width: 320, height: 240 }).maxBitsPerSecond).toBe(500_000);
  });
});
