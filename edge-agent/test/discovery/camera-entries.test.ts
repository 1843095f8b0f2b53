import { describe, expect, it } from 'vitest';
import { rtspUrl } from '../../src/camera/source.ts';
import type { OnvifProfile } from '../../src/discovery/onvif-answer.ts';
import {
  cameraEntries,
  environmentLines,
  yamlLines,
  type CameraEntry,
} from '../../src/discovery/camera-entries.ts';

const device = {
  address: '192.168.0.20',
  endpoint: 'urn:uuid:1',
  name: 'Front',
  model: 'HW',
  isTls: false,
  port: 80,
  path: '/onvif',
};

function profile(uri: string, width: number, encoding = 'H264'): OnvifProfile {
  return { name: 'p', source: 'lens', encoding, width, height: Math.round((width * 9) / 16), uri };
}

function entriesOf(
  profiles: OnvifProfile[],
  more: Partial<typeof device> & { answeredModel?: string } = {},
): CameraEntry[] {
  const { answeredModel = 'DS-2CD2043G2-I', ...rest } = more;
  const answer = { manufacturer: 'ACME', model: answeredModel, profiles };
  return cameraEntries([{ device: { ...device, ...rest }, answer }], 'admin@site');
}

const streams = ([entry]: CameraEntry[]): (string | undefined)[] => [
  rtspUrl(entry!.main.source),
  entry!.sub && rtspUrl(entry!.sub.source),
];

describe('cameraEntries', () => {
  it('takes the largest stream, and the largest of H.264 that can be passed through as `low`', () => {
    const entries = entriesOf([
      profile('rtsp://x/sub3', 320),
      profile('rtsp://x/sub1', 704),
      profile('rtsp://x/sub2', 640),
      profile('rtsp://x/main', 2560, 'H265'),
      profile('rtsp://x/jpeg', 352, 'JPEG'),
    ]);
    expect(streams(entries)).toEqual([
      'rtsp://admin%40site@192.168.0.20/main',
      'rtsp://admin%40site@192.168.0.20/sub2',
    ]);
  });

  it('takes the smallest of H.264 where none is small enough, and none where all are the same', () => {
    const larger = entriesOf([
      profile('rtsp://x/1', 1920),
      profile('rtsp://x/2', 1280),
      profile('rtsp://x/3', 704),
    ]);
    expect(streams(larger)[1]).toBe('rtsp://admin%40site@192.168.0.20/3');
    expect(streams(entriesOf([profile('rtsp://x/1', 1920), profile('rtsp://x/1', 640)]))[1]).toBeUndefined();
    expect(streams(entriesOf([profile('rtsp://x/1', 0)]))[1]).toBeUndefined();
  });

  it('leaves out what is no RTSP address, and keeps what is odd in one within a word', () => {
    expect(
      entriesOf([profile('http://x/1', 640), profile('', 640), profile('file:///etc/passwd', 640)]),
    ).toEqual([]);
    const [entry] = entriesOf([profile('rtsp://u:p@10.0.0.9:8554/a b\'$(x)\u{1F600}?c="d"#e', 640)]);
    expect(rtspUrl(entry!.main.source)).toMatch(
      /^rtsp:\/\/admin%40site@192\.168\.0\.20:8554\/a%20b%27[^\s"'$#]+$/,
    );
  });

  it('makes ids of models, whatever they are called, and no two alike', () => {
    const one = [profile('rtsp://x/1', 640)];
    expect(entriesOf(one)[0]!.id).toBe('ds-2cd2043g2-i-20');
    expect(entriesOf(one, { answeredModel: '현관 카메라', name: '현관' })[0]).toMatchObject({
      id: 'camera-20',
      name: '현관',
    });
    const answer = { manufacturer: '', model: '', profiles: one };
    const twice = cameraEntries(
      [device, { ...device, address: '10.0.0.20' }].map((each) => ({ device: each, answer })),
      'a',
    );
    expect(twice.map(({ id }) => id)).toEqual(['hw-20', 'hw-20-2']);
  });
});

describe('the texts of entries', () => {
  it('hold the password in the file for the environment only', () => {
    const entries = entriesOf([profile('rtsp://x/1', 1920), profile('rtsp://x/2', 640)]);
    expect(environmentLines(entries, 'p:w/d')).toEqual([
      'CAMERA_DS_2CD2043G2_I_20=rtsp://admin%40site:p%3Aw%2Fd@192.168.0.20/1',
      'CAMERA_DS_2CD2043G2_I_20_SUB=rtsp://admin%40site:p%3Aw%2Fd@192.168.0.20/2',
    ]);
    expect(yamlLines(entries, true).at(-1)).toBe('    subStream: "env:CAMERA_DS_2CD2043G2_I_20_SUB"');
    expect(yamlLines(entries, false).at(-1)).toBe(
      '    subStream: "rtsp://admin%40site:PASSWORD@192.168.0.20/2"',
    );
  });
});
