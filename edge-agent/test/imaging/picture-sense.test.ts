import { describe, expect, it } from 'vitest';
import { PictureSense, type PictureSenseOptions, type SenseChange } from '../../src/imaging/picture-sense.ts';
import { Yard, type Drawing } from './drawn-luma.ts';

const SECOND = 1_000;

describe('PictureSense', () => {
  it('sees nothing in a still yard', () => {
    const watch = new Watch();
    watch.still(300);
    expect(watch.told).toEqual([]);
  });

  it('tells of somebody who walks through, from the first picture to the first quiet one', () => {
    const watch = new Watch();
    watch.still(20);
    watch.show(5, (second) => ({ person: { x: 20 + 6 * second, y: 30 } }));
    watch.still(60);
    expect(watch.told).toEqual(['motion at 20', 'no motion at 25']);
  });

  it('takes two walks with a short pause as one motion', () => {
    const watch = new Watch();
    watch.still(20);
    for (let walk = 0; walk < 2; walk += 1) {
      watch.show(3, (second) => ({ person: { x: 20 + 6 * second, y: 30 } }));
      watch.still(6);
    }
    watch.still(30);
    expect(watch.told).toEqual(['motion at 20', 'no motion at 32']);
  });

  it('takes what comes and stays as part of the yard within two minutes', () => {
    const watch = new Watch();
    watch.still(20);
    watch.show(150, () => ({ person: { x: 40, y: 30 } }));
    expect(watch.told[0]).toBe('motion at 20');
    expect(watch.told[1]).toMatch(/^no motion at \d+$/);
    expect(watch.told).toHaveLength(2);
  });

  it.each<[string, (second: number) => Drawing]>([
    ['a lamp', (second) => ({ gain: second < 10 ? 1 : 1.5 })],
    ['dusk', (second) => ({ gain: 1 - second / 100 })],
    ['the shadow of a cloud', (second) => ({ shadow: second < 10 ? 0 : -45 })],
  ])('does not take %s for motion', (_name, drawing) => {
    const watch = new Watch();
    watch.still(20);
    watch.show(40, drawing);
    expect(watch.told).toEqual([]);
  });

  it('looks for motion only in the zones that are given', () => {
    const zones = [{ x: 0.5, y: 0, width: 0.5, height: 1 }];
    const watch = new Watch({ motion: { sensitivity: 'medium', zones, quietMs: 10 * SECOND } });
    watch.still(20);
    watch.show(5, (second) => ({ person: { x: 4 + 6 * second, y: 30 } }));
    watch.still(30);
    expect(watch.told).toEqual([]);
    watch.show(5, (second) => ({ person: { x: 60 + 5 * second, y: 30 } }));
    expect(watch.told).toEqual(['motion at 55']);
  });

  it('needs more for a low sensitivity than for a high one', () => {
    const dim = (second: number): Drawing => ({ person: { x: 20 + 4 * second, y: 42 }, gain: 0.5 });
    const toldAt = (sensitivity: 'low' | 'high'): string[] => {
      const watch = new Watch({ motion: { sensitivity, zones: [], quietMs: 10 * SECOND } });
      watch.show(20, () => ({ gain: 0.5 }));
      watch.show(1, () => ({ gain: 0.5, person: { x: 20, y: 52 } }));
      watch.show(1, dim);
      return watch.told;
    };
    expect(toldAt('high').length).toBeGreaterThan(0);
    expect(toldAt('low').length).toBeLessThanOrEqual(toldAt('high').length);
  });

  it('tells of a frozen picture from the first that repeats, and of its end at once', () => {
    const watch = new Watch();
    watch.still(20);
    watch.freeze(90);
    watch.still(5);
    expect(watch.told).toEqual(['frozen at 21', 'no frozen at 110']);
  });

  it('never tells of a frozen picture when that is switched off', () => {
    const watch = new Watch({ frozenAfterMs: 0 });
    watch.still(20);
    watch.freeze(600);
    expect(watch.told).toEqual([]);
  });

  it('tells of the dark, and does not begin and end it at every flicker', () => {
    const watch = new Watch();
    watch.still(20);
    watch.show(10, () => ({ gain: 0.05 }));
    watch.show(20, (second) => ({ gain: second % 2 === 0 ? 0.14 : 0.18 }));
    watch.still(10);
    expect(watch.told).toEqual(['dark at 20', 'no dark at 50']);
  });

  it('tells a covered lens from one out of focus', () => {
    const covered = new Watch();
    covered.still(30);
    covered.show(20, () => ({ tone: 120 }));
    covered.still(10);
    expect(covered.told).toEqual(['covered at 30', 'no covered at 50']);

    const blurred = new Watch();
    blurred.still(30);
    blurred.show(20, () => ({ blur: 5 }));
    blurred.still(10);
    expect(blurred.told).toEqual(['blurred at 30', 'no blurred at 50']);
  });

  it('tells that the camera looks elsewhere, and takes the new view as the usual one after a minute', () => {
    const watch = new Watch();
    watch.still(60);
    watch.show(120, () => ({ pan: 37, tilt: 5 }));
    expect(watch.told.filter((line) => line.includes('moved'))).toEqual([
      'moved at 60',
      expect.stringMatching(/^no moved at 1[23]\d$/),
    ]);
    watch.show(30, () => ({ pan: 37, tilt: 5, person: { x: 40, y: 30 } }));
    expect(watch.told.at(-1)).toMatch(/^motion at/);
  });

  it('ends what is open when the camera goes away, and begins afresh', () => {
    const watch = new Watch();
    watch.still(20);
    watch.show(3, (second) => ({ person: { x: 20 + 6 * second, y: 30 } }));
    watch.away();
    watch.show(30, () => ({ person: { x: 40, y: 30 } }));
    expect(watch.told).toEqual(['motion at 20', 'no motion at 23']);
  });
});

/** A camera with a keyframe a second. */
class Watch {
  readonly told: string[] = [];
  readonly #sense: PictureSense;
  readonly #yard = new Yard();
  #second = 0;

  constructor(options: Partial<PictureSenseOptions> = {}) {
    this.#sense = new PictureSense({
      motion: { sensitivity: 'medium', zones: [], quietMs: 10 * SECOND },
      frozenAfterMs: 60 * SECOND,
      tampering: true,
      ...options,
    });
  }

  still(seconds: number): void {
    this.show(seconds, () => ({}));
  }

  show(seconds: number, drawing: (second: number) => Drawing): void {
    for (let second = 0; second < seconds; second += 1) this.#look(this.#yard.draw(drawing(second)));
  }

  freeze(seconds: number): void {
    const luma = this.#yard.draw();
    for (let second = 0; second < seconds; second += 1) this.#look(luma);
  }

  away(): void {
    this.#tell(this.#sense.end(this.#second * SECOND));
  }

  #look(luma: Uint8Array): void {
    this.#tell(this.#sense.look(luma, this.#second * SECOND));
    this.#second += 1;
  }

  #tell(changes: SenseChange[]): void {
    for (const { kind, isOpen, atMs } of changes)
      this.told.push(`${isOpen ? '' : 'no '}${kind} at ${atMs / SECOND}`);
  }
}
