import { beforeEach, describe, expect, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { ruleSettings, type Rule } from '../../src/rules/rule.ts';
import { RuleEngine } from '../../src/rules/rule-engine.ts';
import { ManualClock, silentLogger } from '../support.ts';

let clock: ManualClock;
let told: { camera: string; event: CameraEvent }[];
let snapshots: string[];
let clips: unknown[];
let takeSnapshot: (camera: string) => Promise<string>;

beforeEach(() => {
  clock = new ManualClock();
  told = [];
  snapshots = [];
  clips = [];
  takeSnapshot = async (camera) => {
    snapshots.push(camera);
    return 'id';
  };
});

const parsed = (settings: object[]): Rule[] =>
  settings.map((rule, index) => ruleSettings.parse({ id: `rule-${index}`, ...rule }));

function engine(...settings: object[]): RuleEngine {
  return new RuleEngine({
    rules: parsed(settings),
    takeSnapshot: (camera) => takeSnapshot(camera),
    recordClip: async (camera, request) => {
      clips.push({ camera, ...request });
      return 'id';
    },
    tell: async (camera, event) => void told.push({ camera, event }),
    log: new QuietLog(silentLogger, clock),
    clock,
  });
}

const warm = {
  when: { sensor: 'freezer', metric: 'temperature', above: -15, forSeconds: 60, hysteresis: 2 },
  then: [{ snapshot: 'store' }, { event: { kind: 'too-warm', camera: 'store' } }],
};

function read(rules: RuleEngine, temperature: number): void {
  rules.seeReadings('freezer', [{ tsMs: clock.nowMs(), values: { temperature } }]);
}

function event(kind: string, until: string | null = null): CameraEvent {
  const at = new Date(clock.nowMs()).toISOString();
  return { id: 'x', kind, at, until, detail: null, snapshotId: null };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a rule on a reading', () => {
  test('fires when the reading is beyond for long enough, and is over when it comes back by the hysteresis', async () => {
    const rules = engine(warm);
    read(rules, -14);
    clock.advance(59_000);
    await settle();
    expect(told).toEqual([]);
    expect(rules.health()).toMatchObject([{ state: 'pending', fired: 0, firedAt: null }]);
    clock.advance(1_000);
    await settle();
    expect(snapshots).toEqual(['store']);
    const detail = 'freezer temperature is -14';
    expect(told).toMatchObject([{ camera: 'store', event: { kind: 'too-warm', until: null, detail } }]);
    read(rules, -16);
    await settle();
    expect(told).toHaveLength(1);
    read(rules, -17.5);
    await settle();
    expect(told[1]?.event).toEqual({ ...told[0]?.event, until: new Date(clock.nowMs()).toISOString() });
    expect(rules.health()).toMatchObject([{ state: 'ok', fired: 1 }]);
  });

  test('does not fire when the reading comes back in time, or when another sensor says so', async () => {
    const rules = engine(warm);
    read(rules, -14);
    clock.advance(30_000);
    read(rules, -16);
    clock.advance(60_000);
    rules.seeReadings('fridge', [{ tsMs: 0, values: { temperature: 8 } }]);
    rules.seeReadings('freezer', [{ tsMs: 0, values: { humidity: 80 } }]);
    clock.advance(120_000);
    await settle();
    expect(told).toEqual([]);
  });

  test('fires at once without a time, below as well as above, once for a batch that stays there', async () => {
    const rules = engine({ when: { sensor: 'freezer', metric: 'temperature', below: -30 }, then: warm.then });
    const values = [-29, -31, -32].map((temperature) => ({ tsMs: 0, values: { temperature } }));
    rules.seeReadings('freezer', values);
    await settle();
    expect(told).toMatchObject([{ event: { detail: 'freezer temperature is -31' } }]);
  });

  test('rests after it has fired, and counts what it held back', async () => {
    const rules = engine({ ...warm, when: { ...warm.when, forSeconds: 0, hysteresis: 0 }, restSeconds: 60 });
    for (let times = 0; times < 5; times += 1) {
      read(rules, -10);
      read(rules, -20);
      clock.advance(1_000);
    }
    await settle();
    expect(rules.health()).toMatchObject([{ fired: 1, heldBack: 4 }]);
    expect(told).toHaveLength(2);
  });

  test('makes up for what it held back once it has rested, if the reading is still beyond', async () => {
    const rules = engine({ ...warm, when: { ...warm.when, forSeconds: 0 }, restSeconds: 10 });
    for (const temperature of [-14, -20, -13]) read(rules, temperature);
    await settle();
    expect(rules.health()).toMatchObject([{ state: 'firing', fired: 1, heldBack: 1 }]);
    clock.advance(9_000);
    read(rules, -12);
    clock.advance(1_000);
    await settle();
    expect(rules.health()).toMatchObject([{ state: 'firing', fired: 2, heldBack: 1 }]);
    expect(told.map(({ event: { until } }) => until === null)).toEqual([true, false, true]);
    expect(told[2]?.event).toMatchObject({ detail: 'freezer temperature is -12', until: null });
    read(rules, -20);
    await settle();
    expect(told[3]?.event).toMatchObject({ id: told[2]?.event.id, until: expect.any(String) as string });
  });

  test('makes up for nothing that is over by then, nor after the agent has stopped', async () => {
    const rules = engine({ ...warm, when: { ...warm.when, forSeconds: 0 }, restSeconds: 10 });
    for (const temperature of [-14, -20, -13, -20]) read(rules, temperature);
    clock.advance(20_000);
    await settle();
    expect(rules.health()).toMatchObject([{ state: 'ok', fired: 1, heldBack: 1 }]);
    for (const temperature of [-14, -20, -13]) read(rules, temperature);
    await rules.close();
    clock.advance(20_000);
    await settle();
    expect(told).toHaveLength(4);
  });

  test('ends its event as long after the begin as it lasted when the clock was set back meanwhile', async () => {
    const rules = engine({ ...warm, when: { ...warm.when, forSeconds: 0 } });
    read(rules, -10);
    await settle();
    clock.setBy(-3_600_000);
    clock.advance(90_000);
    read(rules, -20);
    await settle();
    const [began, over] = told.map(({ event }) => event);
    expect(Date.parse(over?.until ?? '') - Date.parse(began?.at ?? '')).toBe(90_000);
  });

  test('ends its events when the agent stops, and lets a timer fire no more', async () => {
    const rules = engine({ ...warm, when: { ...warm.when, forSeconds: 0 } }, warm);
    read(rules, -10);
    await rules.close();
    expect(told.map(({ event: { until } }) => until === null)).toEqual([true, false]);
    clock.advance(120_000);
    await rules.close();
    expect(told).toHaveLength(2);
  });
});

describe('a rule on an event', () => {
  const onMotion = { when: { event: 'motion', camera: 'front' }, then: [{ snapshot: 'yard' }] };

  test('fires when it begins, at its camera only, and not when it ends', async () => {
    const rules = engine(onMotion);
    rules.seeEvent('front', event('motion'));
    clock.advance(60_000);
    rules.seeEvent('gate', event('motion'));
    rules.seeEvent('front', event('dark'));
    rules.seeEvent('front', { ...event('motion'), at: new Date(0).toISOString(), until: event('motion').at });
    await settle();
    expect(snapshots).toEqual(['yard']);
  });

  test('makes an event of a moment', async () => {
    const rules = engine({ when: { event: 'offline' }, then: [{ event: { kind: 'look', camera: 'yard' } }] });
    rules.seeEvent('front', event('offline'));
    await settle();
    expect(told).toMatchObject([{ camera: 'yard', event: { kind: 'look', detail: 'offline at front' } }]);
    expect(told[0]?.event.until).toBe(told[0]?.event.at);
  });

  test('records clips, uploaded as it says or as the settings do, for the reason that there is', async () => {
    const then = [{ clip: { camera: 'yard' } }, { clip: { camera: 'gate', upload: 'always' } }];
    const rules = engine({ ...onMotion, then }, { when: { event: 'offline' }, then });
    rules.seeEvent('front', event('motion'));
    rules.seeEvent('gate', event('offline'));
    await settle();
    expect(clips).toEqual([
      { camera: 'yard', reason: 'motion', upload: undefined },
      { camera: 'gate', reason: 'motion', upload: 'always' },
      { camera: 'yard', reason: 'rule', upload: undefined },
      { camera: 'gate', reason: 'rule', upload: 'always' },
    ]);
  });

  test('does the rest when one of its actions fails', async () => {
    takeSnapshot = () => Promise.reject(new Error('the camera is away'));
    const rules = engine({ when: { event: 'motion' }, then: warm.then });
    rules.seeEvent('front', event('motion'));
    await settle();
    expect(told).toMatchObject([{ event: { kind: 'too-warm' } }]);
  });

  test('does not fire while too much of what rules do waits', async () => {
    let finish: (id: string) => void = () => undefined;
    takeSnapshot = () => new Promise((resolve) => (finish = resolve));
    const rules = engine({ ...onMotion, restSeconds: 1 });
    for (let times = 0; times < 200; times += 1) {
      rules.seeEvent('front', event('motion'));
      clock.advance(1_000);
    }
    expect(rules.health()).toMatchObject([{ fired: 128, heldBack: 72 }]);
    finish('id');
    await settle();
  });
});

describe('the settings of a rule', () => {
  test('need one bound, and an action that there is', () => {
    const both = { ...warm.when, below: 3 };
    for (const rule of [
      { id: 'x', when: both, then: warm.then },
      { id: 'x', when: { sensor: 'a', metric: 'b' }, then: warm.then },
      { id: 'x', when: warm.when, then: [] },
      { id: 'x', when: warm.when, then: [{ explode: 'front' }] },
    ])
      expect(ruleSettings.safeParse(rule).success).toBe(false);
  });
});

describe('other rules', () => {
  const hot = {
    id: 'hot',
    when: { sensor: 'freezer', metric: 'temperature', above: 0 },
    then: [{ snapshot: 'store' }],
  };

  test('leave those that are the same as they are, with what goes on', async () => {
    const rules = engine(warm, hot);
    read(rules, -14);
    clock.advance(30_000);
    rules.apply(parsed([warm]));
    expect(rules.health()).toMatchObject([{ id: 'rule-0', state: 'pending' }]);
    clock.advance(30_000);
    await settle();
    expect(told).toHaveLength(1);
    rules.apply(parsed([warm, hot]));
    await settle();
    expect(told).toHaveLength(1);
    expect(rules.health()).toMatchObject([
      { id: 'rule-0', state: 'firing', fired: 1 },
      { id: 'hot', state: 'ok', fired: 0 },
    ]);
  });

  test('end what goes on of one that is changed or gone, and begin anew', async () => {
    const rules = engine(warm);
    read(rules, -14);
    clock.advance(60_000);
    await settle();
    expect(told).toMatchObject([{ event: { until: null } }]);
    rules.apply(parsed([{ ...warm, restSeconds: 20 }]));
    await settle();
    expect(told).toHaveLength(2);
    expect(told[1]!.event).toMatchObject({ id: told[0]!.event.id, until: expect.any(String) });
    expect(rules.health()).toMatchObject([{ state: 'ok', fired: 0 }]);
    read(rules, -14);
    rules.apply([]);
    clock.advance(120_000);
    await settle();
    expect([told.length, snapshots.length, rules.health()]).toEqual([2, 1, []]);
  });
});
