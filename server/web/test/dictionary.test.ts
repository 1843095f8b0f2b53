import { describe, expect, it } from 'vitest';
import { en } from '../src/i18n/en.ts';
import { ko } from '../src/i18n/ko.ts';
import { isTextKey, preferredLanguage, textIn } from '../src/i18n/language.ts';

const holesOf = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort();
const keys = Object.keys(en).filter(isTextKey);

describe('dictionary', () => {
  it('has the same keys in English and Korean', () => {
    expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
  });

  it.each(keys)('%s has a sentence with the same values in both languages', (key) => {
    expect(ko[key].trim()).not.toBe('');
    expect(en[key].trim()).not.toBe('');
    expect(holesOf(ko[key])).toEqual(holesOf(en[key]));
  });

  it('is in Korean where it says so', () => {
    const foreign = keys.filter((key) => !/[가-힣]/.test(ko[key]));
    expect(foreign).toEqual(['metric.co2']);
  });

  it('fills in values and leaves a hole that has none', () => {
    expect(textIn('en', 'live.camerasLive', { live: 1, n: 2 })).toBe('1 of 2 live');
    expect(textIn('ko', 'live.camerasLive', { live: 1, n: 2 })).toBe('2대 중 1대 실시간');
    expect(textIn('en', 'live.open')).toBe('Enlarge {name}');
  });

  it('does not read values back as text to fill in', () => {
    expect(textIn('en', 'live.open', { name: '{name}' })).toBe('Enlarge {name}');
  });

  it('follows the first language of the browser that the page has', () => {
    expect(preferredLanguage(['ko-KR', 'en'])).toBe('ko');
    expect(preferredLanguage(['de-DE', 'ko', 'en'])).toBe('ko');
    expect(preferredLanguage(['en-GB', 'ko'])).toBe('en');
    expect(preferredLanguage(['fr'])).toBe('en');
    expect(preferredLanguage([])).toBe('en');
  });
});
