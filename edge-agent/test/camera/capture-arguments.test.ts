import { describe, expect, it } from 'vitest';
import { captureCommand, type CaptureCommandOptions } from '../../src/camera/capture-arguments.ts';
import { escapeValue } from '../../src/camera/demo-scene.ts';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import { NO_MASKS, privacyMasks } from '../../src/camera/privacy-masks.ts';
import { parseSource } from '../../src/camera/source.ts';

const modern: FfmpegBinary = {
  path: '/usr/bin/ffmpeg',
  version: '5.1',
  origin: 'system',
  timeoutOption: '-timeout',
  passthroughOptions: ['-fps_mode', 'passthrough'],
  canHideUrl: true,
};
const old: FfmpegBinary = {
  ...modern,
  origin: 'bundled',
  timeoutOption: '-stimeout',
  passthroughOptions: ['-vsync', '0'],
  canHideUrl: false,
};

function command(
  source: string,
  more: Partial<CaptureCommandOptions> = {},
): ReturnType<typeof captureCommand> {
  return captureCommand({
    source: parseSource(source),
    transport: 'tcp',
    name: 'Front',
    hasPictures: true,
    masks: NO_MASKS,
    ffmpeg: modern,
    socketTimeoutMs: 10_000,
    probeMs: 1_000,
    ...more,
  });
}

const valueOf = (args: string[], option: string): string | undefined => args[args.indexOf(option) + 1];

describe('captureCommand', () => {
  it('opens a camera once and writes video and pictures from it', () => {
    const { args, stdin } = command('rtsp://10.0.0.5/live');
    expect(args.filter((arg) => arg === '-i')).toHaveLength(1);
    expect(valueOf(args, '-i')).toBe('rtsp://10.0.0.5/live');
    expect(valueOf(args, '-c:v')).toBe('copy');
    expect(args.filter((arg) => arg.startsWith('pipe:'))).toEqual(['pipe:1', 'pipe:3', 'pipe:4']);
    expect(stdin).toBeUndefined();
  });

  it('puts input options before the input, as the version spells them', () => {
    const { args } = command('rtsp://10.0.0.5/live', { ffmpeg: old, transport: 'udp' });
    const before = args.slice(0, args.indexOf('-i'));
    expect(valueOf(before, '-stimeout')).toBe('10000000');
    expect(valueOf(before, '-rtsp_transport')).toBe('udp');
    expect(valueOf(before, '-skip_frame')).toBe('nokey');
    expect(valueOf(args, '-vsync')).toBe('0');
  });

  it('keeps a password out of the arguments, which every user of the machine can read', () => {
    const { args, stdin } = command('rtsp://admin:hunter2@10.0.0.5/live', { transport: 'udp' });
    expect(args.join(' ')).not.toContain('hunter2');
    expect(stdin?.split('\n')).toEqual([
      'ffconcat version 1.0',
      "file 'rtsp://admin:hunter2@10.0.0.5/live'",
      'option rtsp_transport udp',
      'option allowed_media_types video',
      'option timeout 10000000',
      'option analyzeduration 1000000',
      'option probesize 15000000',
      '',
    ]);
  });

  it('asks for every track, and lets ffmpeg describe them, when it probes', () => {
    const { args, stdin } = command('rtsp://admin:hunter2@10.0.0.5/', { isProbe: true, hasPictures: false });
    expect(stdin).not.toContain('allowed_media_types');
    expect(valueOf(args, '-loglevel')).toBe('info');
    expect(valueOf(command('rtsp://10.0.0.5/').args, '-loglevel')).toBe('error');
  });

  it('lets no source reach a protocol that it has no use for', () => {
    expect(valueOf(command('rtsp://10.0.0.5/').args, '-protocol_whitelist')).not.toMatch(/file|http|concat/);
    expect(valueOf(command('rtsp://a:b@10.0.0.5/').args, '-protocol_whitelist')).not.toMatch(/file|http/);
    expect(valueOf(command('file:/data/list.m3u8').args, '-protocol_whitelist')).toBe('file');
  });

  it('gives a file by its scheme, so that no path is taken for an option or another protocol', () => {
    expect(valueOf(command('file:/data/-y: a.mp4').args, '-i')).toBe('file:/data/-y: a.mp4');
  });

  it('draws another scene for another name', () => {
    const scenes = ['front', 'yard', 'gate'].map((name) => valueOf(command(`demo:${name}`).args, '-i'));
    expect(new Set(scenes).size).toBe(3);
    expect(valueOf(command('demo:front').args, '-i')).toBe(scenes[0]);
  });

  it("writes the camera's name into a demo scene, and the demo's where the font lacks letters", () => {
    expect(valueOf(command('demo:front', { name: 'Haustür' }).args, '-filter_complex')).toContain(
      'text=Haustür:',
    );
    expect(valueOf(command('demo:front', { name: '정문' }).args, '-filter_complex')).toContain('text=front:');
  });
});

describe('escapeValue', () => {
  it('leaves plain text alone', () => {
    expect(escapeValue('/usr/share/Front door 1.ttf')).toBe('/usr/share/Front door 1.ttf');
  });

  it('escapes for the option parser and then for the graph parser', () => {
    expect(escapeValue("a:b'c\\d[e],f;")).toBe("a\\\\:b\\\\\\'c\\\\\\\\d\\[e\\]\\,f\\;");
  });
});

describe('privacy masks', () => {
  const masks = privacyMasks([
    { x: 0, y: 0.5, width: 0.25, height: 0.5 },
    { x: 0.9, y: 0, width: 0.1, height: 0.1 },
  ]);

  it('are painted into the pictures of every kind of source, and the video is left to the encoder', () => {
    for (const source of ['rtsp://camera/', 'file:/film.mp4', 'demo:yard']) {
      const { args } = command(source, { masks });
      expect(args.join(' ').split('drawbox=')).toHaveLength(3);
      expect(args.join(' ')).toContain(
        'drawbox=x=floor(iw*0)-1:y=floor(ih*0.5)-1:w=ceil(iw*0.25)+2:h=ceil(ih*0.5)+2',
      );
    }
    expect(command('demo:yard').args.join(' ')).not.toContain('drawbox');
  });

  it('have another version when they are others, and 0 when there is none', () => {
    expect(privacyMasks([])).toBe(NO_MASKS);
    expect(masks.version).toBeGreaterThan(0);
    expect(privacyMasks(masks.areas).version).toBe(masks.version);
    expect(privacyMasks(masks.areas.slice(1)).version).not.toBe(masks.version);
  });
});
