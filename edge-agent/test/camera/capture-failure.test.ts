import { describe, expect, it } from 'vitest';
import { explainExit, isTransportRefused } from '../../src/camera/capture-failure.ts';

const exit = (...stderr: string[]): Parameters<typeof explainExit>[0] => ({
  code: 1,
  signal: null,
  spawnError: undefined,
  stderr,
});

describe('explainExit', () => {
  // Lines as ffmpeg of 2018 and 5.1 print them.
  it.each([
    ['[rtsp @ 0x1] method DESCRIBE failed: 401 Unauthorized', 'SOURCE_UNAUTHORIZED', /password/],
    ['pipe:0: Server returned 403 Forbidden (access denied)', 'SOURCE_UNAUTHORIZED', /forbids/],
    ['[rtsp @ 0x1] method DESCRIBE failed: 404 Not Found', 'SOURCE_UNREACHABLE', /path/],
    [
      '[tcp @ 0x1] Connection to tcp://127.0.0.1:1?timeout=0 failed: Connection refused',
      'SOURCE_UNREACHABLE',
      /listens/,
    ],
    ['rtsp://10.0.0.9/live: Connection timed out', 'SOURCE_UNREACHABLE', /in time/],
    [
      '[rtsp @ 0x1] method SETUP failed: 453 Not Enough Bandwidth',
      'SOURCE_UNREACHABLE',
      /453 Not Enough Bandwidth/,
    ],
    ["Stream map '0:v:0' matches no streams.", 'SOURCE_UNSUPPORTED', /no video/],
    ['[rtsp @ 0x1] method PLAY failed: 454 Session Not Found', 'SOURCE_UNSUPPORTED', /no video/],
    [
      '[rtsp @ 0x1] method SETUP failed: 454 Session Not Found',
      'SOURCE_UNREACHABLE',
      /454 Session Not Found/,
    ],
    [
      '[mp4 @ 0x1] Could not find tag for codec vp8 in stream #0, codec not',
      'SOURCE_UNSUPPORTED',
      /vp8.*H\.264/,
    ],
    ['rtsp://10.0.0.9/live: Invalid data found when processing input', 'SOURCE_UNREACHABLE', /no video/],
    ['file:/x: Is a directory', 'SOURCE_UNREACHABLE', /no video/],
    ['file:/x.mp4: Permission denied', 'SOURCE_UNREACHABLE', /may not read/],
    ['file:/x.mp4: No such file or directory', 'SOURCE_UNREACHABLE', /file/],
    ['something new', 'ENCODER_FAILED', /exit code 1/],
  ])('reads %j as %s', (line, code, message) => {
    const error = explainExit(exit('first', line, 'last'), false);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('tells a refused transport from an unreachable camera', () => {
    expect(
      isTransportRefused(explainExit(exit('method SETUP failed: 461 Unsupported transport'), false)),
    ).toBe(true);
    expect(isTransportRefused(explainExit(exit('method SETUP failed: 401 Unauthorized'), false))).toBe(false);
  });

  it('calls the end of a live stream an end, whatever the decoder grumbled before', () => {
    expect(explainExit(exit('error while decoding MB 401 461 of access unit'), true).code).toBe(
      'SOURCE_ENDED',
    );
  });

  it('says when there was no process at all', () => {
    const error = explainExit({ ...exit(), code: null, spawnError: 'spawn ENOENT' }, false);
    expect([error.code, error.retryable]).toEqual(['ENCODER_FAILED', true]);
  });
});
