import { describe, expect, onTestFinished, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { MIB } from '@sitecast/shared/protocol/limits';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import type { InitSegment } from '../../src/camera/fragment.ts';
import { GOP_RING_MAX_BYTES } from '../../src/camera/gop-ring.ts';
import { agentConfigSchema, type CameraSettings } from '../../src/config.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { ALL_RINGS_MAX_BYTES, CameraRack } from '../../src/rack/camera-rack.ts';
import { FULL_OFFER } from '../../src/uplink/offer.ts';
import { scriptedEncoders } from '../camera/encoder/samples.ts';
import { ManualClock, silentLogger, temporaryFolder } from '../support.ts';

const ffmpeg: FfmpegBinary = {
  path: '/nowhere/ffmpeg',
  version: 'none',
  origin: 'configured',
  timeoutOption: '-timeout',
  passthroughOptions: ['-fps_mode', 'passthrough'],
  canHideUrl: true,
};

const camera = (id: string, changes: object = {}): object => ({ id, source: `demo:${id}`, ...changes });

function parsed(...cameras: object[]): CameraSettings[] {
  const uplink = { url: 'mqtt://server:1883', mediaUrl: 'mqtt://server:1884' };
  return agentConfigSchema.parse({ site: 'demo', agent: 'gateway', uplink, cameras }).cameras;
}

async function openRack({ hasFfmpeg = true } = {}): Promise<CameraRack> {
  const clock = new ManualClock();
  const { encoders } = scriptedEncoders(clock, { maxProcesses: 1 });
  const rack = new CameraRack({
    video: hasFfmpeg ? { ffmpeg, encoders } : undefined,
    runDir: await temporaryFolder(),
    ringKeepMs: 0,
    offer: () => FULL_OFFER,
    maker: { make: () => Promise.reject(new Error('no pictures here')) },
    keepSnapshot: async () => {},
    tell: async () => {},
    put: async () => {},
    logger: silentLogger,
    log: new QuietLog(silentLogger, clock),
  });
  onTestFinished(async () => {
    await rack.close();
    await encoders.close();
  });
  return rack;
}

const ids = (units: Iterable<{ id: string }>): string[] => [...units].map(({ id }) => id);

describe('CameraRack', () => {
  test('leaves alone what is the same, and tells apart what comes, goes and changes', async () => {
    const rack = await openRack();
    const first = rack.exchange(parsed(camera('a'), camera('b'), camera('c')));
    expect([ids(first.arriving), ids(first.leaving)]).toEqual([['a', 'b', 'c'], []]);
    const [a, b] = [rack.get('a'), rack.get('b')];
    const second = rack.exchange(parsed(camera('d'), camera('b', { name: 'Back' }), camera('a')));
    expect(ids(rack)).toEqual(['d', 'b', 'a']);
    expect([ids(second.arriving), ids(second.leaving)]).toEqual([
      ['d', 'b'],
      ['b', 'c'],
    ]);
    expect(rack.get('a')).toBe(a);
    expect(rack.get('b')).not.toBe(b);
    expect(rack.get('b')!.camera.epochs).toBe(b!.camera.epochs);
    expect(rack.get('b')!.live.report()).toMatchObject({ name: 'Back', state: 'stopped' });
    expect(rack.get('c')).toBeUndefined();
    const third = rack.exchange(parsed(camera('d'), camera('b', { name: 'Back' }), camera('a')));
    expect(third).toEqual({ arriving: [], leaving: [] });
  });

  test.each([
    { source: 'demo:other' },
    { transport: 'udp' },
    { subStream: 'demo:small' },
    { snapshotIntervalSeconds: 5 },
    { motion: {} },
    { tampering: false },
    { masks: [{ x: 0, y: 0, width: 0.5, height: 0.5 }] },
  ])('another %o is another camera', async (changes) => {
    const rack = await openRack();
    rack.exchange(parsed(camera('a', { masks: [] })));
    expect(ids(rack.exchange(parsed(camera('a'))).arriving)).toEqual([]);
    expect(ids(rack.exchange(parsed(camera('a', changes))).arriving)).toEqual(['a']);
    expect(ids(rack.exchange(parsed(camera('a', changes))).arriving)).toEqual([]);
  });

  test('changes nothing when one of the cameras cannot be', async () => {
    const rack = await openRack();
    rack.exchange(parsed(camera('a')));
    const a = rack.get('a');
    const [bad] = parsed(camera('b'));
    const refused = { code: 'CONFIG_INVALID' };
    expect(() => rack.exchange([{ ...bad!, source: 'gopher://b' }])).toThrow(
      expect.objectContaining(refused),
    );
    expect([...rack]).toEqual([a]);
  });

  test('shares the memory of rings anew among the cameras that there are', async () => {
    const rack = await openRack();
    const many = Array.from({ length: 64 }, (_, index) => camera(`cam-${index}`));
    const init: InitSegment = {
      ...{ epoch: 1, container: 'fmp4', bytes: new Uint8Array(1), codec: '', mime: '', width: 2, height: 2 },
    };
    const fragment = {
      ...{ init, bytes: new Uint8Array(MIB), isDiscontinuity: false },
      ...{ sequence: 0, capturedAtUs: 0, decodeTimeS: 0 },
    };
    const fill = (id: string): number => {
      const { ring } = rack.get(id)!.camera;
      ring.push({ ...fragment, isKeyframe: true });
      for (let pushed = 0; pushed < 20; pushed += 1) ring.push({ ...fragment, isKeyframe: false });
      return ring.bytes;
    };
    rack.exchange(parsed(many[0]!));
    expect(fill('cam-0')).toBe(GOP_RING_MAX_BYTES);
    rack.exchange(parsed(...many));
    expect(rack.get('cam-0')!.camera.ring.bytes).toBe(ALL_RINGS_MAX_BYTES / 64);
    expect(fill('cam-1')).toBe(ALL_RINGS_MAX_BYTES / 64);
    rack.exchange(parsed(many[1]!));
    expect(fill('cam-1')).toBe(GOP_RING_MAX_BYTES);
  });

  test('closes those that leave, and at the end all', async () => {
    const rack = await openRack();
    rack.exchange(parsed(camera('a'), camera('b')));
    const { leaving } = rack.exchange(parsed(camera('a')));
    const closed: string[] = [];
    rack.onReport(({ id, state }) => void (state === 'stopped' && closed.push(id)));
    await rack.closeAll(leaving);
    expect(closed).toEqual(['b']);
    rack.exchange([]);
    await rack.close();
    expect(closed).toEqual(['b', 'a']);
  });

  test('tells rules and server of a camera that comes back with other settings no second time', async () => {
    const rack = await openRack();
    const told: string[] = [];
    rack.onEvent(({ camera: id, event }: { camera: string; event: CameraEvent }) =>
      told.push(`${id} ${event.kind}`),
    );
    const fail = async (): Promise<void> => {
      const { camera: a } = rack.get('a')!;
      const isOver = new Promise<void>((resolve) => {
        a.onReport(({ state }) => void (state === 'waiting' && resolve()));
      });
      rack.get('a')!.start();
      await isOver;
    };
    rack.exchange(parsed(camera('a')));
    await fail();
    await rack.closeAll(rack.exchange(parsed(camera('a', { name: 'A' }))).leaving);
    await fail();
    expect(told).toEqual(['a offline']);
  });

  test('without ffmpeg stays empty', async () => {
    const rack = await openRack({ hasFfmpeg: false });
    expect(rack.exchange([])).toEqual({ arriving: [], leaving: [] });
    expect(() => rack.exchange(parsed(camera('a')))).toThrow(/cameras need an ffmpeg/);
  });
});
