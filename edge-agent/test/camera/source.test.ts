import { describe, expect, it } from 'vitest';
import { parseSource, resolveHost, rtspUrl, withPassword, type RtspSource } from '../../src/camera/source.ts';
import { thrownBy } from './thrown.ts';

const url = (text: string): string => rtspUrl(parseSource(text) as RtspSource);

describe('parseSource', () => {
  it('keeps a plain camera URL as it is', () => {
    for (const text of [
      'rtsp://10.0.0.5/',
      'rtsp://admin:secret@cam.local:8554/Streaming/Channels/101?transportmode=unicast',
      'rtsps://10.0.0.5:322/live',
      'rtsp://[fe80::1]:554/live',
    ]) {
      expect(url(text)).toBe(text);
    }
  });

  it('escapes what installers leave unescaped in a password', () => {
    expect(url("rtsp://admin:p@ss'w rd:1@cam/live")).toBe('rtsp://admin:p%40ss%27w%20rd%3A1@cam/live');
    expect(url('rtsp://admin:p%40ss@cam/live')).toBe('rtsp://admin:p%40ss@cam/live');
    expect(url('rtsp://admin:100%@cam/live')).toBe('rtsp://admin:100%25@cam/live');
  });

  it('takes a password that is given apart from the URL', () => {
    for (const text of ['rtsp://admin@cam/live', 'rtsp://admin:old@cam/live']) {
      const source = withPassword(parseSource(text) as RtspSource, "p@s:s'/#");
      expect(rtspUrl(source)).toBe('rtsp://admin:p%40s%3As%27%2F%23@cam/live');
    }
  });

  it('makes paths of files absolute', () => {
    expect(parseSource('file:/data/a b.mp4')).toEqual({ kind: 'file', path: '/data/a b.mp4' });
    expect(parseSource('file:///data/a%20b.mp4')).toEqual({ kind: 'file', path: '/data/a b.mp4' });
    expect(parseSource('file:a.mp4')).toEqual({ kind: 'file', path: `${process.cwd()}/a.mp4` });
  });

  it('takes demo names of any language', () => {
    expect(parseSource('demo:정문 1')).toEqual({ kind: 'demo', name: '정문 1' });
  });

  it('refuses everything else, and never repeats a password', () => {
    for (const text of [
      '',
      'rtsp://',
      'rtsp://admin:hunter2@',
      'rtsp://admin:hunter2@cam:99999/x',
      'rtsp://admin:hunter2@cam/\n-f',
      'http://admin:hunter2@cam/x',
      'concat:/etc/passwd',
      'demo:',
      'demo:a,b',
      'file:',
      'file://host/a.mp4',
      'file:///a%2Fb.mp4',
      '-i',
    ]) {
      const error = thrownBy(() => parseSource(text));
      expect(error?.code).toBe('CONFIG_INVALID');
      expect(error?.message).not.toContain('hunter2');
    }
  });
});

describe('resolveHost', () => {
  it('puts an address in place of a name, and keeps the rest', async () => {
    const resolved = await resolveHost(parseSource('rtsp://u:p@localhost:8554/live') as RtspSource);
    expect(rtspUrl(resolved)).toMatch(/^rtsp:\/\/u:p@(127\.0\.0\.1|\[::1\]):8554\/live$/);
  });

  it('says that a host is not known', async () => {
    const source = parseSource('rtsp://u:p@no-such-host.invalid/live') as RtspSource;
    await expect(resolveHost(source)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
  });
});
