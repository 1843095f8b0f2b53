import { beforeEach, describe, expect, test } from 'vitest';
import { RUNGS, SETTLE_MS, UplinkLadder, type UplinkLook } from '../../src/uplink/uplink-ladder.ts';
import { seededRandom, type Random } from '../../../shared/test/random.ts';
import { ManualClock } from '../support.ts';

let clock: ManualClock;
let ladder: UplinkLadder;

beforeEach(() => {
  clock = new ManualClock();
  ladder = new UplinkLadder(clock);
});

const CALM: UplinkLook = { highest: 'main', streams: 1, queueMs: 50, isLate: false, bytesPerSecond: 375_000 };
const LATE: UplinkLook = { ...CALM, queueMs: 1_100, isLate: true, bytesPerSecond: 125_000 };

function look(seconds: number, what: UplinkLook): number[] {
  const levels: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1_000);
    ladder.look(what);
    levels.push(ladder.level);
  }
  return levels;
}

describe('UplinkLadder', () => {
  test('takes nobody down for one bad second', () => {
    expect(look(1, LATE)).toEqual([0]);
    expect(look(1, CALM)).toEqual([0]);
    expect(look(1, LATE)).toEqual([0]);
  });

  test('leaves main within two seconds for a `low` that the line carries', () => {
    expect(look(2, LATE)).toEqual([0, 1]);
    expect(ladder.rung).toEqual({ profile: 'low', pace: { maxBitsPerSecond: 500_000, maxFps: null } });
  });

  test('goes as far down at once as the measured throughput says, shared by all streams', () => {
    look(2, { ...LATE, bytesPerSecond: 35_000 });
    expect(ladder.rung.pace.maxBitsPerSecond).toBe(220_000);
    ladder = new UplinkLadder(clock);
    look(2, { ...LATE, streams: 3 });
    expect(ladder.rung.pace.maxBitsPerSecond).toBe(220_000);
  });

  test('of a line that stood still for a moment takes what it carried before', () => {
    look(3, CALM);
    look(2, { ...LATE, bytesPerSecond: 0 });
    expect(ladder.level).toBe(1);
  });

  test('takes bits from `low` when only `low` is watched', () => {
    look(2, { ...LATE, highest: 'low' });
    expect(ladder.rung.pace.maxBitsPerSecond).toBe(350_000);
  });

  test('gives what was changed time to take effect, and then goes on down, to stills at last', () => {
    const late: UplinkLook = { ...LATE, highest: 'low', bytesPerSecond: 10_000 };
    look(2, late);
    expect(ladder.rung.pace.maxBitsPerSecond).toBe(120_000);
    look(11, late);
    expect(ladder.rung.profile).toBe('low');
    look(2, late);
    expect(ladder.rung.profile).toBe('stills');
    look(60, { ...late, highest: undefined });
    expect(ladder.counters.stepsDown).toBe(2);
  });

  test('does not go further down for what was queued before, however long that drains, but for what is late anew', () => {
    const draining: UplinkLook = { ...LATE, highest: 'low', isLate: true };
    look(2, draining);
    const { level } = ladder;
    look(9, draining);
    look(1, { ...CALM, highest: 'low' });
    expect(ladder.level).toBe(level);
    look(2, draining);
    expect(ladder.level).toBeGreaterThan(level);
  });

  test('comes back up by single steps, each after a wait', () => {
    look(2, { ...LATE, highest: 'low', bytesPerSecond: 40_000 });
    const down = ladder.level;
    const levels = look(120, { ...CALM, highest: 'low' });
    expect(levels.at(-1)).toBe(0);
    const steps = levels.filter((level, index) => level !== (levels[index - 1] ?? down));
    expect(steps).toEqual(Array.from({ length: down }, (_, index) => down - 1 - index));
    expect(levels.indexOf(down - 1)).toBeGreaterThan(15);
  });

  test('neither goes up nor down while acknowledgements are a little late', () => {
    look(2, { ...LATE, highest: 'low' });
    const { level } = ladder;
    expect(new Set(look(300, { ...CALM, highest: 'low', queueMs: 550 }))).toEqual(new Set([level]));
  });

  test('lets who comes later try again what was too much, when nobody has watched for a while', () => {
    look(2, LATE);
    look(30, { ...CALM, highest: undefined });
    expect(ladder.level).toBe(0);
  });

  test('asks a rung that does not hold ever more seldom', () => {
    const triesOf = (minutes: number): number => {
      const before = ladder.counters.stepsUp;
      // Main is asked for again as soon as it is offered, and is too much each time.
      for (let second = 0; second < 60 * minutes; second += 1) {
        const low: UplinkLook = { ...CALM, highest: 'low', bytesPerSecond: 60_000 };
        look(1, ladder.level === 0 ? LATE : low);
      }
      return ladder.counters.stepsUp - before;
    };
    expect(triesOf(10)).toBeLessThan(7);
    expect(triesOf(60)).toBeLessThan(8);
  });
});

/** A line, what waits in front of it, and viewers who ask for main whenever it is offered. */
class SyntheticLine {
  readonly ladder: UplinkLadder;
  readonly steps: number[] = [];
  queueBits = 0;
  lateSeconds = 0;
  readonly #clock: ManualClock;
  readonly #streams: number;
  #isMain = true;

  constructor(clock: ManualClock, streams: number) {
    this.#clock = clock;
    this.#streams = streams;
    this.ladder = new UplinkLadder(clock);
  }

  /** @param asksAgain whether somebody asks for main this second. */
  second(bitsPerSecond: number, mainBits: number, asksAgain: boolean): void {
    this.#clock.advance(1_000);
    const { profile } = this.ladder.rung;
    this.#isMain = profile === 'main' && (this.#isMain || asksAgain);
    const wanted = this.#streams * this.#wantedBits(mainBits);
    const carried = Math.min(this.queueBits + wanted, bitsPerSecond);
    this.queueBits += wanted - carried;
    // The window of a stream: what has waited for more than a second is left out.
    const isLate = this.queueBits > bitsPerSecond;
    if (isLate) this.lateSeconds += 1;
    this.queueBits = Math.min(this.queueBits, bitsPerSecond);
    this.ladder.look({
      highest: profile === 'stills' ? undefined : this.#isMain ? 'main' : 'low',
      streams: profile === 'stills' ? 0 : this.#streams,
      queueMs: (1_000 * this.queueBits) / bitsPerSecond,
      isLate,
      bytesPerSecond: carried / 8,
    });
    this.steps.push(this.ladder.level);
  }

  get changes(): number {
    return this.steps.filter((level, index) => index > 0 && level !== this.steps[index - 1]).length;
  }

  #wantedBits(mainBits: number): number {
    if (this.ladder.rung.profile === 'stills') return 0;
    return this.#isMain ? mainBits : 0.85 * this.ladder.rung.pace.maxBitsPerSecond;
  }
}

function bestLevel(bitsPerSecond: number, streams: number): number {
  const carried = RUNGS.findIndex(
    ({ profile, pace }) => profile === 'low' && 0.85 * streams * pace.maxBitsPerSecond <= bitsPerSecond,
  );
  return carried < 0 ? RUNGS.length - 1 : carried;
}

/** A line of one speed, of which a fifth comes and goes. */
function trembling(random: Random, bitsPerSecond: number): () => number {
  return () => bitsPerSecond * (0.9 + 0.2 * random.next());
}

describe('UplinkLadder on synthetic lines', () => {
  const ROUNDS = 100;
  const HOUR_S = 3_600;

  test('of one speed: is soon at a rung that it carries, and does not flap', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const random = seededRandom(seed);
      const bits = 100_000 + random.int(2_400_000);
      const streams = 1 + random.int(3);
      const line = new SyntheticLine(new ManualClock(), streams);
      const bitsOfNow = trembling(random, bits);
      for (let second = 0; second < HOUR_S; second += 1)
        line.second(bitsOfNow(), 3_000_000, second % 60 === 59);
      const what = `seed ${seed}: ${streams} streams on ${bits} bit/s`;
      expect(line.lateSeconds / HOUR_S, what).toBeLessThan(0.03);
      expect(line.changes, what).toBeLessThan(60);
      const best = bestLevel(0.9 * bits, streams);
      expect(Math.abs(line.ladder.level - best), what).toBeLessThanOrEqual(2);
    }
  });

  test('that are slow for a while: go down within seconds, and come back within minutes', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const random = seededRandom(seed);
      const slow = 100_000 + random.int(800_000);
      const line = new SyntheticLine(new ManualClock(), 1);
      const run = (seconds: number, bits: number): number[] => {
        const from = line.steps.length;
        const bitsOfNow = trembling(random, bits);
        for (let second = 0; second < seconds; second += 1) line.second(bitsOfNow(), 3_000_000, false);
        return line.steps.slice(from);
      };
      expect(run(120, 20_000_000).at(-1)).toBe(0);
      const levels = run(120, slow);
      expect(levels[5], `seed ${seed}: ${slow} bit/s`).toBeGreaterThan(0);
      expect(run(600, 20_000_000).at(-1), `seed ${seed}: back from ${slow} bit/s`).toBe(0);
    }
  });

  test('of any speed from second to second: never steps twice within the time that a step takes', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const random = seededRandom(seed);
      const line = new SyntheticLine(new ManualClock(), 1 + random.int(4));
      for (let second = 0; second < HOUR_S / 6; second += 1) {
        line.second(50_000 + random.int(4_000_000), 3_000_000, random.int(10) === 0);
      }
      const changedAt = line.steps.flatMap((level, at) =>
        at > 0 && level !== line.steps[at - 1] ? [at] : [],
      );
      for (const [index, at] of changedAt.entries()) {
        const isDown = line.steps[at]! > line.steps[at - 1]!;
        const next = changedAt[index + 1];
        if (isDown && next !== undefined) expect((next - at) * 1_000).toBeGreaterThanOrEqual(SETTLE_MS);
      }
    }
  });
});
