import { describe, expect, it, vi } from 'vitest';
import { parseOptions } from '../../src/standalone/options.ts';

const parse = (...argv: string[]) => parseOptions(argv, '/var/tmp/sitecast');

describe('options of npm start', () => {
  it('has the documented defaults', () => {
    expect(parse()).toEqual({
      cameras: [],
      demo: true,
      port: 8080,
      mqttPort: 1883,
      mediaPort: 1884,
      dataDir: '/var/tmp/sitecast',
      readyFile: undefined,
    });
  });

  it('takes several cameras in their order', () => {
    const { cameras, demo } = parse('--camera', 'rtsp://u:p@host/1', '--camera', 'demo:garden', '--no-demo');
    expect(cameras).toEqual(['rtsp://u:p@host/1', 'demo:garden']);
    expect(demo).toBe(false);
  });

  it.each([
    ['a camera of another protocol', ['--camera', 'http://u:hunter2@host/1']],
    ['a demo camera with a bad name', ['--camera', 'demo:Front Door']],
    ['a camera given twice', ['--camera', 'rtsp://u:hunter2@h/1', '--camera', 'rtsp://u:hunter2@h/1']],
    ['a port out of range', ['--mqtt-port', '70000']],
    ['a port that is no number', ['--port', 'http']],
    ['an argument that is no option', ['up']],
  ])('refuses %s, and repeats no password', (_what, argv) => {
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(() => parse(...argv)).toThrow();
      const said = written.mock.calls.map(([text]) => String(text)).join('');
      expect(said).toMatch(/^error:/);
      expect(said).not.toContain('hunter2');
    } finally {
      written.mockRestore();
    }
  });
});
