import { describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { FrameKind, PROFILES, type Profile } from '@sitecast/shared/protocol/frame-header';
import { RELAY_LIMITS } from '../../src/relay/limits.ts';
import { createHub, FakeBrowser, FakeCamera, FRONT, settle } from './relay-harness.ts';

describe('admission', () => {
  it('runs exactly five of six distinct streams asked for at once, and says what the limit is', async () => {
    const { hub, join } = createHub();
    const asked = await Promise.allSettled(['a', 'b', 'c', 'd', 'e', 'f'].map((camera) => join(camera)));
    expect(asked.map(({ status }) => status)).toEqual([...Array<string>(5).fill('fulfilled'), 'rejected']);
    expect((asked[5] as PromiseRejectedResult).reason).toMatchObject({
      code: 'STREAM_LIMIT',
      detail: { limit: 5, active: 5, retryAfterMs: 5_000 },
    });
    expect(hub.snapshot()).toMatchObject({ max: 5, slotsTaken: 5, viewers: 5 });
  });

  it('gives stills slots of their own, with their own bound', async () => {
    const { join } = createHub({ maxStreams: 1, maxStillsStreams: 2 });
    await join('a');
    await join('b', 'stills');
    await join('c', 'stills');
    await expect(join('d', 'stills')).rejects.toMatchObject({ code: 'STREAM_LIMIT', detail: { limit: 2 } });
  });

  it('asks the agent once for any number of viewers of one stream', async () => {
    const { hub, agents, join } = createHub();
    await Promise.all([join(), join(), join()]);
    expect(agents.leases).toEqual(['front/main']);
    expect(hub.snapshot().active).toEqual([
      { camera: 'demo/front', profile: 'main', viewers: 3, bytesPerSecond: 0 },
    ]);
  });

  it('bounds viewers of one stream and of all', async () => {
    const { join } = createHub({ maxViewers: 3, maxViewersPerStream: 2 });
    await Promise.all([join('a'), join('a')]);
    await expect(join('a')).rejects.toMatchObject({ code: 'VIEWER_LIMIT', detail: { limit: 2, active: 2 } });
    await join('b');
    await expect(join('b')).rejects.toMatchObject({ code: 'VIEWER_LIMIT', detail: { limit: 3, active: 3 } });
  });

  it('bounds viewers of one user and of one address, and leaves the places of others alone', async () => {
    const { hub } = createHub({ maxViewersPerUser: 2, maxViewersPerAddress: 3 });
    const join = (userId: string, address: string) =>
      hub.join({ camera: FRONT, profile: 'main', codecs: [], userId, address, socket: new FakeBrowser() });
    const first = await join('a', '192.0.2.1');
    await join('a', '192.0.2.2');
    const ofUser = { code: 'OWN_VIEWER_LIMIT', retryable: true, detail: { limit: 2, active: 2 } };
    await expect(join('a', '192.0.2.3')).rejects.toMatchObject(ofUser);
    await join('b', '192.0.2.2');
    await join('c', '192.0.2.2');
    await expect(join('d', '192.0.2.2')).rejects.toMatchObject({
      code: 'OWN_VIEWER_LIMIT',
      detail: { limit: 3 },
    });
    expect(hub.counters).toMatchObject({ joinsRefused: 2, joinsRefusedOfOwn: 2 });
    first.onClose();
    await join('a', '192.0.2.1');
    expect(hub.snapshot().viewers).toBe(4);
  });

  it('gives the slot back when the agent refuses', async () => {
    const { hub, agents, join } = createHub({ maxStreams: 1 });
    agents.answer = () => Promise.reject(new AppError('CAMERA_OFFLINE', 'no picture'));
    const refused = await Promise.allSettled([join('a'), join('a')]);
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
    expect(hub.snapshot()).toMatchObject({ slotsTaken: 0, viewers: 0 });
  });

  it('refuses a browser that plays nothing of the codec, and lets in one that plays a relative of it', async () => {
    const { join, hub } = createHub();
    await expect(join(FRONT, 'main', ['hvc1.1.6.L93'])).rejects.toMatchObject({
      code: 'PROFILE_UNSUPPORTED',
    });
    expect(hub.snapshot().viewers).toBe(0);
    await join(FRONT, 'main', ['avc1.640029']);
  });

  it('refuses everybody once it closes, and says goodbye to those who watch', async () => {
    const { hub, agents, join } = createHub();
    const { browser } = await join();
    await hub.close();
    expect(browser.texted('ended')).toHaveLength(1);
    expect(browser.closed?.code).toBe(1001);
    expect(agents.releases).toEqual(['front/main']);
    await expect(join()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('the lease', () => {
  it('is renewed every five seconds while somebody watches', async () => {
    const { agents, clock, join } = createHub({ viewerLeaseMs: 1e9 });
    await join();
    for (let i = 0; i < 12; i += 1) {
      clock.advance(1_000);
      await settle();
    }
    expect(agents.leases).toHaveLength(3);
  });

  it('is given back five seconds after the last viewer left, and no sooner', async () => {
    const { hub, agents, clock, join } = createHub();
    const { handle } = await join();
    handle.onClose();
    clock.advance(4_800);
    expect(agents.releases).toEqual([]);
    clock.advance(600);
    expect(agents.releases).toEqual(['front/main']);
    expect(hub.snapshot().active).toEqual([]);
  });

  it('is kept when somebody comes within the grace time', async () => {
    const { agents, clock, join } = createHub();
    (await join()).handle.onClose();
    clock.advance(3_000);
    await join();
    clock.advance(4_000);
    expect(agents.releases).toEqual([]);
  });

  it('is given back at once when another stream needs the slot of one that nobody watches', async () => {
    const { agents, join } = createHub({ maxStreams: 1 });
    (await join('a')).handle.onClose();
    await join('b');
    expect(agents.releases).toEqual(['a/main']);
  });

  it('is given back at once when the gateway has no encoder left for another stream, the one idle for longest first', async () => {
    const { agents, clock, join } = createHub({}, ['main', 'low', 'stills']);
    const encoded = new Set<string>();
    const { answer } = agents;
    agents.answer = async (camera, profile) => {
      for (const stream of agents.releases.splice(0)) encoded.delete(stream);
      const isFull = encoded.size >= 2 && !encoded.has(`${camera.id}/${profile}`);
      if (isFull) throw new AppError('ENCODER_LIMIT', 'as many as may run', { retryable: true });
      encoded.add(`${camera.id}/${profile}`);
      return answer(camera, profile);
    };
    const first = await join('front', 'low');
    const second = await join('yard', 'low');
    await expect(join('gate', 'low')).rejects.toMatchObject({ code: 'ENCODER_LIMIT' });
    second.handle.onClose();
    clock.advance(1_000);
    first.handle.onClose();
    await join('gate', 'low');
    expect([...encoded]).toEqual(['front/low', 'gate/low']);
    await join('door', 'low');
    expect([...encoded]).toEqual(['gate/low', 'door/low']);
    // Now somebody watches both.
    await expect(join('hall', 'low')).rejects.toMatchObject({ code: 'ENCODER_LIMIT' });
  });

  it('is asked for again until the agent is back, and its viewers stay', async () => {
    const { hub, agents, clock, join } = createHub({ viewerLeaseMs: 1e9 });
    const { browser } = await join();
    const answer = agents.answer;
    agents.answer = () => Promise.reject(new AppError('AGENT_OFFLINE', 'away', { retryable: true }));
    for (let i = 0; i < 10; i += 1) {
      clock.advance(1_000);
      await settle();
    }
    agents.answer = answer;
    hub.agentsChanged('demo');
    const before = agents.leases.length;
    clock.advance(200);
    await settle();
    expect(agents.leases.length).toBe(before + 1);
    expect(browser.closed).toBeUndefined();
  });

  it.each([
    ['AGENT_OFFLINE', 12],
    ['COMMAND_TIMEOUT', 30],
    // The agent was revoked: there is nothing to wait for.
    ['NOT_FOUND', 5],
  ] as const)(
    'ends the stream with the reason when it cannot be had back: %s',
    async (code, patienceSeconds) => {
      const { hub, agents, clock, join } = createHub({ viewerLeaseMs: 1e9 });
      const { browser } = await join();
      agents.answer = () => Promise.reject(new AppError(code, 'away', { retryable: true }));
      let seconds = 0;
      while (!browser.closed && seconds < 60) {
        clock.advance(1_000);
        await settle();
        seconds += 1;
      }
      expect(Math.abs(seconds - patienceSeconds)).toBeLessThanOrEqual(2);
      expect(browser.texted('error')).toMatchObject([{ code }]);
      expect(browser.closed?.code).toBe(4001);
      expect(hub.snapshot()).toMatchObject({ slotsTaken: 0, viewers: 0, counters: { leasesLost: 1 } });
    },
  );

  it('acknowledges what came in, every 200 ms and only when something did', async () => {
    const { hub, agents, clock, join } = createHub();
    await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe(1_000);
    clock.advance(200);
    clock.advance(200);
    expect(agents.acks).toEqual([{ stream: 'front/main', sequence: 1, receivedBytes: 24 + 15 + 24 + 1_000 }]);
  });
});

describe('frames', () => {
  it('reach a viewer as ready, init segment, cached GOP, live', async () => {
    const { hub, join } = createHub();
    await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    camera.pictures(2);
    camera.keyframe();
    camera.pictures(1);
    const { browser } = await join();
    camera.picture();
    expect(browser.texts[0]).toEqual({
      type: 'ready',
      stream: 'front/main',
      profile: 'main',
      container: 'fmp4',
      mime: 'video/mp4; codecs="avc1.64001f"',
      width: 640,
      height: 360,
    });
    expect(browser.sequences).toEqual(['i0', '4', '5', '6']);
  });

  it('of a stream that nobody asked for are counted and forgotten', () => {
    const { hub } = createHub();
    new FakeCamera(hub).init();
    expect(hub.snapshot()).toMatchObject({ cachedBytes: 0, counters: { framesUnwanted: 1 } });
  });

  it('that are not frames are refused', async () => {
    const { hub, join } = createHub();
    await join();
    expect(() => hub.acceptFrame(FRONT, 'main', Buffer.from('nonsense'))).toThrow(
      expect.objectContaining({ code: 'FRAME_MALFORMED' }),
    );
  });

  it('before the first keyframe, or of another epoch than the init segment, reach nobody', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.keyframe();
    camera.init();
    camera.picture();
    camera.keyframe();
    camera.restart();
    camera.keyframe();
    expect(browser.sequences).toEqual(['i1', '3']);
    expect(hub.counters.framesUndecodable).toBe(3);
  });

  it('after a restart of the camera begin with its new init segment, for every viewer', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    camera.restart();
    camera.init();
    camera.keyframe();
    expect(browser.sequences).toEqual(['i0', '1', 'i0', '1']);
    expect(browser.frames.map(({ header }) => header.epoch)).toEqual([1, 1, 2, 2]);
    expect(browser.texted('dropped')).toEqual([]);
  });

  it('of other video after a restart come with a new "ready"', async () => {
    const { hub, agents, clock, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    camera.restart();
    agents.mime = 'video/mp4; codecs="avc1.42e01e"';
    camera.init();
    camera.keyframe();
    clock.advance(200);
    await settle();
    expect(browser.texted('ready').map(({ mime }) => mime)).toEqual([
      'video/mp4; codecs="avc1.64001f"',
      'video/mp4; codecs="avc1.42e01e"',
    ]);
    expect(browser.sequences.slice(-2)).toEqual(['i0', '1']);
  });

  it('of a lease that began again do not repeat the init segment that everybody has', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    camera.init();
    camera.keyframe();
    expect(browser.sequences).toEqual(['i0', '1', '3']);
  });

  it('that the uplink had no room for are told as dropped', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    camera.sequence += 14;
    camera.keyframe(100, { isDiscontinuity: true });
    expect(browser.texted('dropped')).toEqual([{ type: 'dropped', frames: 14, reason: 'uplink-slow' }]);
  });

  it('after a gap that does not end at a keyframe wait for the next one', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    camera.sequence += 1;
    camera.pictures(2);
    camera.keyframe();
    expect(browser.sequences).toEqual(['i0', '1', '5']);
  });

  it('of a GOP above the bound are not kept, but viewers that keep up get them all', async () => {
    const { hub, join } = createHub({ gopCacheMaxBytes: 1_000 });
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    camera.pictures(20);
    expect(browser.frames).toHaveLength(22);
    expect(hub.snapshot().cachedBytes).toBeLessThan(1_000);
    expect(hub.counters.gopsOverflowed).toBe(1);
    const late = await join();
    expect(late.browser.sequences).toEqual(['i0']);
    camera.keyframe();
    expect(late.browser.sequences).toEqual(['i0', '22']);
    expect(late.browser.texted('dropped')).toEqual([]);
  });

  it('of a kind that the profile does not have are dropped and counted', async () => {
    const { hub, agents, join } = createHub();
    agents.answer = async () => ({
      stream: 's',
      epoch: 1,
      container: 'jpeg',
      mime: '',
      width: 640,
      height: 360,
    });
    const kinds: number[][] = [];
    for (const profile of PROFILES) {
      const { browser } = await join(FRONT, profile);
      for (const kind of Object.values(FrameKind)) {
        const camera = new FakeCamera(hub, FRONT, profile);
        if (kind === FrameKind.fragment) camera.init();
        camera.keyframe(100, { kind, epoch: 1 });
      }
      kinds.push([...new Set(browser.frames.map(({ header }) => header.kind))]);
    }
    expect(kinds).toEqual([[1, 2], [1, 2], [3], [4]]);
    expect(hub.counters.framesUndecodable).toBeGreaterThanOrEqual(10);
  });

  it('that are stills hold the memory of one, whatever they say of themselves', async () => {
    const { hub, join } = createHub();
    const { browser } = await join(FRONT, 'stills');
    const camera = new FakeCamera(hub, FRONT, 'stills');
    for (let i = 0; i < 30; i += 1) camera.still(100_000, { isKeyframe: i === 0 });
    expect(browser.frames.length).toBeGreaterThan(1);
    expect(hub.snapshot().cachedBytes).toBeLessThan(101_000);
  });

  it('hold no more than the bound, the init segment counted', async () => {
    const { hub, join } = createHub({ gopCacheMaxBytes: 10_000 });
    await join();
    const camera = new FakeCamera(hub);
    camera.init('x'.repeat(6_000));
    camera.keyframe(1_000);
    for (let i = 0; i < 20; i += 1) {
      camera.picture(1_000);
      expect(hub.snapshot().cachedBytes).toBeLessThanOrEqual(10_000);
    }
    expect(hub.snapshot().cachedBytes).toBeGreaterThan(7_000);
    expect(hub.counters.gopsOverflowed).toBe(1);
  });
});

describe('a slow viewer', () => {
  it('goes on where it was when there is room again within the GOP, without a loss', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    browser.queued = 600 * 1024;
    camera.pictures(3);
    browser.queued = 0;
    camera.picture();
    expect(browser.sequences).toEqual(['i0', '1', '2', '3', '4', '5']);
    expect(browser.texted('dropped')).toEqual([]);
  });

  it('jumps to the newest keyframe when its place is gone, and is told how much it missed', async () => {
    const { hub, join } = createHub();
    const slow = await join();
    const quick = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    slow.browser.queued = 600 * 1024;
    camera.pictures(3);
    camera.keyframe();
    camera.pictures(1);
    slow.browser.queued = 0;
    camera.picture();
    expect(slow.browser.sequences).toEqual(['i0', '1', '5', '6', '7']);
    expect(slow.browser.texted('dropped')).toEqual([{ type: 'dropped', frames: 3, reason: 'viewer-slow' }]);
    expect(quick.browser.frames).toHaveLength(8);
    expect(quick.browser.texted('dropped')).toEqual([]);
  });

  it('gets a frame that is larger than the bound when nothing is queued', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe(900 * 1024);
    expect(browser.sequences).toEqual(['i0', '1']);
  });

  it('is held back by what it has not presented, although nothing is queued in this process', async () => {
    const { hub, clock, join } = createHub();
    const { browser, handle } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    handle.onMessage(JSON.stringify({ type: 'presented', sequence: 1, bufferedMs: 0 }));
    for (let i = 0; i < 100; i += 1) {
      clock.advance(100);
      camera.picture();
    }
    const sent = browser.frames.length;
    expect(sent).toBeGreaterThan(25);
    expect(sent).toBeLessThan(40);
    handle.onMessage(JSON.stringify({ type: 'presented', sequence: sent - 1, bufferedMs: 0 }));
    expect(browser.frames.length).toBeGreaterThan(sent);
    expect(browser.texted('dropped')).toEqual([]);
  });

  it('is not taken for slow because the camera paused, or because its player buffers', async () => {
    const { hub, clock, join } = createHub();
    const { browser, handle } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    handle.onMessage(JSON.stringify({ type: 'presented', sequence: 1, bufferedMs: 0 }));
    clock.advance(9_000);
    for (let i = 0; i < 80; i += 1) {
      clock.advance(100);
      camera.picture();
      handle.onMessage(
        JSON.stringify({ type: 'presented', sequence: Math.max(1, i - 50), bufferedMs: 5_100 }),
      );
    }
    expect(browser.frames).toHaveLength(82);
  });

  it('steps down to stills after three jumps in half a minute', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    for (let gop = 0; gop < 4; gop += 1) {
      browser.queued = 0;
      camera.keyframe();
      browser.queued = 600 * 1024;
      camera.pictures(2);
    }
    await settle();
    expect(browser.texted('dropped')).toHaveLength(3);
    expect(browser.texted('profile')).toEqual([
      { type: 'profile', profile: 'stills', reason: 'viewer-slow' },
    ]);
    expect(browser.texted('ready').at(-1)).toMatchObject({ profile: 'stills', container: 'jpeg' });
    browser.queued = 0;
    const stills = new FakeCamera(hub, FRONT, 'stills');
    stills.still();
    expect(browser.frames.at(-1)?.header.kind).toBe(4);
    expect(hub.snapshot()).toMatchObject({ viewers: 1, counters: { viewersSteppedDown: 1 } });
    expect(hub.snapshot().active.map(({ profile, viewers }) => [profile, viewers])).toEqual([
      ['main', 0],
      ['stills', 1],
    ]);
  });

  it('goes on to stills when the gateway has no encoder left for low', async () => {
    const { hub, agents, join } = createHub({}, ['main', 'low', 'stills']);
    const { browser } = await join();
    const { answer } = agents;
    agents.answer = async (camera, profile) => {
      if (profile === 'low') throw new AppError('ENCODER_LIMIT', 'one of one', { retryable: true });
      return answer(camera, profile);
    };
    const camera = new FakeCamera(hub);
    camera.init();
    for (let gop = 0; gop < 4; gop += 1) {
      browser.queued = 0;
      camera.keyframe();
      browser.queued = 600 * 1024;
      camera.pictures(2);
    }
    await settle();
    expect(browser.texted('profile')).toEqual([
      { type: 'profile', profile: 'stills', reason: 'viewer-slow' },
    ]);
    expect(agents.leases).toEqual(['front/main', 'front/low', 'front/stills']);
  });

  it('stays where it is when there is no slot for stills', async () => {
    const { hub, join } = createHub({ maxStillsStreams: 0 });
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    for (let gop = 0; gop < 8; gop += 1) {
      browser.queued = 0;
      camera.keyframe();
      browser.queued = 600 * 1024;
      camera.pictures(2);
    }
    await settle();
    expect(browser.closed).toBeUndefined();
    expect(browser.texted('profile')).toEqual([]);
    expect(hub.snapshot().viewers).toBe(1);
  });

  it('is closed when it presents nothing for ten seconds, and cut when it does not even answer that', async () => {
    const { hub, clock, join } = createHub();
    const stalled = await join();
    const alive = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe();
    for (let second = 0; second < 14; second += 1) {
      clock.advance(1_000);
      camera.picture();
      alive.handle.onMessage(JSON.stringify({ type: 'presented', sequence: second + 1, bufferedMs: 0 }));
      stalled.handle.onMessage(JSON.stringify({ type: 'presented', sequence: 1, bufferedMs: 0 }));
    }
    expect(stalled.browser.texted('error')).toMatchObject([{ code: 'VIEWER_STALLED' }]);
    expect(stalled.browser.closed?.code).toBe(4000);
    expect(stalled.browser.isTerminated).toBe(true);
    expect(alive.browser.closed).toBeUndefined();
    expect(hub.snapshot().viewers).toBe(1);
  });

  it('is not blamed while nothing was sent to it', async () => {
    const { hub, clock, join } = createHub();
    const { browser } = await join();
    clock.advance(15_000);
    expect(browser.closed).toBeUndefined();
    new FakeCamera(hub).init();
    clock.advance(15_000);
    expect(browser.closed).toBeUndefined();
  });

  it('is refused when it sends anything but its progress', async () => {
    const { join } = createHub();
    for (const text of [
      'nonsense',
      '{"type":"subscribe","camera":"demo/front"}',
      '"x"',
      'x'.repeat(100_000),
    ]) {
      const { browser, handle } = await join();
      handle.onMessage(text);
      expect(browser.texted('error')).toMatchObject([{ code: 'BAD_REQUEST' }]);
      expect(browser.closed?.code).toBe(1008);
    }
  });
});

describe('a viewer that leaves while its agent is being asked', () => {
  it('gives its place back at once', async () => {
    const { hub, agents, join } = createHub({ maxStreams: 1, maxViewers: 1 });
    const { answer } = agents;
    agents.answer = () => new Promise(() => {});
    const gone = new AbortController();
    const request = {
      camera: FRONT,
      profile: 'main' as const,
      codecs: [],
      userId: 'u',
      address: '192.0.2.1',
    };
    void hub.join({ ...request, socket: new FakeBrowser(), closed: gone.signal });
    await expect(join('b')).rejects.toMatchObject({ code: 'VIEWER_LIMIT' });
    gone.abort();
    expect(hub.snapshot().viewers).toBe(0);
    agents.answer = answer;
    await join('b');
    expect(hub.snapshot()).toMatchObject({ viewers: 1, slotsTaken: 1 });
  });

  it('gets nothing when the answer comes after all', async () => {
    const { hub, agents } = createHub();
    const { answer } = agents;
    let go = (): void => {};
    const asked = new Promise<void>((resolve) => (go = resolve));
    agents.answer = async (...args) => {
      await asked;
      return await answer(...args);
    };
    const browser = new FakeBrowser();
    const gone = new AbortController();
    const request = {
      camera: FRONT,
      profile: 'main' as const,
      codecs: [],
      userId: 'u',
      address: '192.0.2.1',
    };
    const joined = hub.join({ ...request, socket: browser, closed: gone.signal });
    gone.abort();
    go();
    (await joined).onClose();
    new FakeCamera(hub).init();
    expect([browser.texts, browser.frames, hub.snapshot().viewers]).toEqual([[], [], 0]);
  });

  it('for a step down gives back both places', async () => {
    const { hub, agents, join } = createHub();
    const { browser, handle } = await join();
    agents.answer = () => new Promise(() => {});
    const camera = new FakeCamera(hub);
    camera.init();
    for (let gop = 0; gop < 4; gop += 1) {
      browser.queued = 0;
      camera.keyframe();
      browser.queued = 600 * 1024;
      camera.pictures(2);
    }
    const places = (): number[] => hub.snapshot().active.map(({ viewers }) => viewers);
    expect(places()).toEqual([1, 1]);
    handle.onClose();
    expect(places()).toEqual([0, 0]);
  });
});

it('a viewer that left while its agent was being asked is forgotten when the route says so', async () => {
  const { hub } = createHub();
  const handle = await hub.join({
    camera: FRONT,
    profile: 'main',
    codecs: [],
    userId: 'u',
    address: '192.0.2.1',
    socket: new FakeBrowser(),
  });
  handle.onClose();
  handle.onClose();
  expect(hub.snapshot().viewers).toBe(0);
});

describe('under pressure', () => {
  it('lets new viewers wait, tells them their place, and lets them in afterwards', async () => {
    const { hub, clock, agents, join } = createHub({ viewersLetInAtOnce: 1 });
    const watching = await join('a');
    hub.holdViewers(true);
    const browsers = [new FakeBrowser(), new FakeBrowser()];
    const joining = browsers.map((socket, index) =>
      hub.join({
        camera: { site: 'demo', id: 'b' },
        profile: 'main',
        codecs: [],
        userId: `u${index}`,
        address: '192.0.2.1',
        socket,
      }),
    );
    await settle();
    expect(browsers.map((browser) => browser.texted('waiting'))).toEqual([
      [{ type: 'waiting', place: 1 }],
      [{ type: 'waiting', place: 2 }],
    ]);
    expect(hub.snapshot()).toMatchObject({ viewers: 1, viewersWaiting: 2 });
    expect(agents.leases).toEqual(['a/main']);
    hub.holdViewers(false);
    await joining[0];
    clock.advance(1_000);
    await joining[1];
    expect(browsers.map((browser) => browser.texted('ready').length)).toEqual([1, 1]);
    expect(hub.snapshot()).toMatchObject({ viewers: 3, viewersWaiting: 0 });
    expect(watching.browser.texted('waiting')).toEqual([]);
  });

  it('gives the place in line back when the browser leaves, and asks no agent for it', async () => {
    const { hub, agents } = createHub();
    hub.holdViewers(true);
    const gone = new AbortController();
    const joining = hub.join({
      camera: FRONT,
      profile: 'main',
      codecs: [],
      userId: 'u',
      address: '192.0.2.1',
      socket: new FakeBrowser(),
      closed: gone.signal,
    });
    gone.abort();
    await expect(joining).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    hub.holdViewers(false);
    expect(hub.snapshot()).toMatchObject({ viewers: 0, viewersWaiting: 0 });
    expect(agents.leases).toEqual([]);
  });

  it('refuses those in line when it closes', async () => {
    const { hub, join } = createHub();
    hub.holdViewers(true);
    const joining = join();
    await hub.close();
    await expect(joining).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('takes viewers of main to low, those who watch and those who come, and says why', async () => {
    const { hub, join } = createHub({}, ['main', 'low', 'stills']);
    const { browser: watching } = await join();
    hub.stepDownMain(true);
    await settle();
    const { browser: late } = await join();
    for (const browser of [watching, late]) {
      expect(browser.texted('profile')).toEqual([{ type: 'profile', profile: 'low', reason: 'server-busy' }]);
      expect(browser.texted('ready').at(-1)).toMatchObject({ profile: 'low' });
    }
    expect(hub.snapshot().counters).toMatchObject({ viewersSteppedDownByPressure: 2, viewersSteppedDown: 0 });
    hub.stepDownMain(false);
    const { browser: after } = await join();
    expect(after.texted('profile')).toEqual([]);
  });

  it('leaves viewers of main where the camera offers nothing lower that moves', async () => {
    const { hub, join } = createHub();
    const { browser } = await join();
    hub.stepDownMain(true);
    await settle();
    expect(browser.texted('profile')).toEqual([]);
  });
});

describe('A hub whose site has a slow uplink', () => {
  const all: Profile[] = ['main', 'low', 'mpeg1', 'stills'];

  it('takes viewers of what is not offered any more to the next lower profile, and says why', async () => {
    const { hub, join, offers, agents } = createHub({}, all);
    const { browser } = await join();
    const { browser: ofLow } = await join(FRONT, 'low');
    Object.assign(offers, { profiles: ['low', 'mpeg1', 'stills'], limit: 'uplink-slow' });
    hub.offersChanged('demo');
    await settle();
    expect(browser.texted('profile')).toEqual([{ type: 'profile', profile: 'low', reason: 'uplink-slow' }]);
    expect(browser.texted('ready').at(-1)).toMatchObject({ profile: 'low' });
    expect(ofLow.texted('profile')).toEqual([]);
    expect(agents.leases).toEqual(['front/main', 'front/low']);
    expect(hub.snapshot().counters).toMatchObject({ viewersSteppedDownByUplink: 1, viewersSteppedDown: 0 });
  });

  it('gives who asks for more what is offered, at once', async () => {
    const { join, offers, agents } = createHub({}, all);
    Object.assign(offers, { profiles: ['stills'], limit: 'data-budget' });
    const { browser } = await join();
    const { browser: ofMpeg1 } = await join(FRONT, 'mpeg1');
    for (const { texts } of [browser, ofMpeg1]) {
      expect(texts).toMatchObject([
        { type: 'profile', profile: 'stills', reason: 'data-budget' },
        { type: 'ready', profile: 'stills' },
      ]);
    }
    expect(agents.leases).toEqual(['front/stills']);
  });

  it('asks the agent, and passes its answer on, where nothing is offered', async () => {
    const { join, offers, agents } = createHub({}, all);
    Object.assign(offers, { profiles: [], limit: 'data-budget' });
    agents.answer = async () => {
      throw new AppError('UPLINK_LIMITED', 'nothing is left', { retryable: true });
    };
    await expect(join()).rejects.toMatchObject({ code: 'UPLINK_LIMITED' });
  });

  it('leaves other sites, and cameras that lack a profile for another reason, alone', async () => {
    const { hub, join, offers } = createHub({}, all);
    const { browser } = await join();
    Object.assign(offers, { profiles: ['low', 'stills'], limit: 'uplink-slow' });
    hub.offersChanged('elsewhere');
    offers.limit = undefined;
    hub.offersChanged('demo');
    await settle();
    expect(browser.texted('profile')).toEqual([]);
  });

  it('tells viewers of a camera that is gone at once, and gives its slot to another', async () => {
    const { hub, clock, join, offers, agents } = createHub({ maxStreams: 1 }, all);
    const { browser } = await join();
    Object.assign(offers, { profiles: [] });
    agents.answer = async () => {
      throw new AppError('NOT_FOUND', 'no agent has camera demo/front');
    };
    hub.offersChanged('demo');
    clock.advance(RELAY_LIMITS.tickMs);
    await settle();
    expect(browser.texted('error')).toMatchObject([{ code: 'NOT_FOUND' }]);
    expect(browser.closed?.code).toBe(4001);
    expect(hub.snapshot()).toMatchObject({ slotsTaken: 0, viewers: 0 });
  });

  it('counts no slot, and holds no picture, for what is not sent any more', async () => {
    const { hub, clock, join, offers } = createHub({ maxStreams: 1 }, all);
    const { browser } = await join();
    const camera = new FakeCamera(hub);
    camera.init();
    camera.keyframe(10_000);
    Object.assign(offers, { profiles: ['low', 'stills'], limit: 'uplink-slow' });
    hub.offersChanged('demo');
    await settle();
    expect(browser.texted('ready').at(-1)).toMatchObject({ profile: 'low' });
    camera.keyframe(10_000);
    expect(hub.snapshot().cachedBytes).toBe(0);
    clock.advance(6_000);
    expect(hub.snapshot().active.map(({ profile }) => profile)).toEqual(['low']);
  });

  it('tells a viewer that it could not take lower when the agent gives its lease up', async () => {
    const { hub, clock, join, offers, agents } = createHub({ maxStillsStreams: 0 }, ['main', 'stills']);
    const { browser } = await join();
    Object.assign(offers, { profiles: ['stills'], limit: 'uplink-slow' });
    hub.offersChanged('demo');
    await settle();
    expect(browser.texted('profile')).toEqual([]);
    agents.answer = async () => {
      throw new AppError('UPLINK_LIMITED', 'too slow', { retryable: true });
    };
    clock.advance(5_200);
    await settle();
    expect(browser.texted('error')).toMatchObject([{ code: 'UPLINK_LIMITED' }]);
    expect(browser.closed?.code).toBe(4001);
  });
});
