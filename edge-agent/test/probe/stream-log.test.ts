import { describe, expect, it } from 'vitest';
import { MAX_TRACKS, StreamLog } from '../../src/probe/stream-log.ts';

function read(text: string): StreamLog {
  const log = new StreamLog();
  for (const line of text.split('\n')) log.take(line);
  return log;
}

describe('StreamLog', () => {
  it('reads the tracks of ffmpeg 5, and not those of its own output', () => {
    const log = read(`Input #0, concat, from 'pipe:0':
  Duration: N/A, start: 0.066667, bitrate: N/A
  Stream #0:0: Video: h264 (Constrained Baseline), yuv420p(progressive), 640x360, 15 fps, 15 tbr, 90k tbn
  Stream #0:1: Audio: pcm_alaw, 8000 Hz, mono, s16, 64 kb/s
  Stream #0:2: Data: none
Stream mapping:
  Stream #0:0 -> #0:0 (copy)
Output #0, mp4, to 'pipe:1':
    Stream #0:0: Video: h264 (Constrained Baseline) (avc1 / 0x31637661), yuv420p(progressive), 640x360`);
    expect(log.tracks).toEqual([
      { kind: 'video', codec: 'h264', profile: 'Constrained Baseline' },
      { kind: 'audio', codec: 'pcm_alaw', profile: null },
      { kind: 'data', codec: 'none', profile: null },
    ]);
    expect(log.video).toBe(log.tracks[0]);
  });

  it('reads the tracks of ffmpeg 4, with languages and tags', () => {
    const log = read(`Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/film.mp4':
    Stream #0:0(und): Video: hevc (Main) (hev1 / 0x31766568), yuv420p(tv), 1280x720, 25 fps
    Stream #0:1[0x2](eng): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, mono, fltp, 69 kb/s (default)
    Stream #0:2(und): Video: mjpeg (mp4v / 0x7634706D), yuvj420p`);
    expect(log.tracks).toEqual([
      { kind: 'video', codec: 'hevc', profile: 'Main' },
      { kind: 'audio', codec: 'aac', profile: 'LC' },
      { kind: 'video', codec: 'mjpeg', profile: null },
    ]);
  });

  it('keeps what comes before the input, and what a camera says in its title, out', () => {
    const log = read(`  Stream #0:0: Video: h264, before
Input #0, rtsp, from 'rtsp://***@camera/':
    title           : Stream #0:7: Video: fake
  Stream #0:0: Video: \u001b[31mred, yuv420p
  Stream #0:1: Picture: h264`);
    expect(log.tracks).toEqual([]);
  });

  it('leaves warnings and errors to whoever explains the end', () => {
    const log = new StreamLog();
    const described = [
      'Input #0, rtsp',
      '  Duration: N/A, bitrate: 404 kb/s',
      'Stream mapping:',
      'Output #0, mp4',
    ];
    expect(described.map((line) => log.take(line))).toEqual([true, true, true, true]);
    expect(log.take('[rtsp @ 0x1] method DESCRIBE failed: 404 Not Found')).toBe(false);
  });

  it('keeps no more tracks than its bound', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `  Stream #0:${index}: Audio: aac, mono`);
    expect(read(['Input #0, rtsp', ...lines].join('\n')).tracks).toHaveLength(MAX_TRACKS);
  });
});
