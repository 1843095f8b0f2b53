import { describe, expect, it } from 'vitest';
import { nextLevel, type PressureLevel } from '../../src/guard/levels.ts';

const THRESHOLDS = { elevated: 0.7, high: 0.8, critical: 0.9 };

describe('levels of pressure', () => {
  it.each([
    [0.69, 'normal'],
    [0.7, 'elevated'],
    [0.8, 'high'],
    [0.9, 'critical'],
    [1.2, 'critical'],
  ])('at %f is %s', (value, level) => {
    expect(nextLevel('normal', value, THRESHOLDS)).toBe(level);
  });

  it.each<[PressureLevel, number, PressureLevel]>([
    ['elevated', 0.66, 'elevated'],
    ['elevated', 0.64, 'normal'],
    ['critical', 0.86, 'critical'],
    ['critical', 0.83, 'high'],
    ['critical', 0.1, 'normal'],
  ])('coming from %s, %f is %s', (current, value, level) => {
    expect(nextLevel(current, value, THRESHOLDS)).toBe(level);
  });

  it('never get to one that the thresholds leave out', () => {
    expect(nextLevel('normal', 99, { elevated: 0.8, high: 0.95 })).toBe('high');
  });
});
