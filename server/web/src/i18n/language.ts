// Which language a person reads, and the lookup of a sentence with its values filled in.

import { en, type TextKey } from './en.ts';
import { ko } from './ko.ts';

export const LANGUAGES = ['en', 'ko'] as const;
export type Language = (typeof LANGUAGES)[number];
export type TextValues = Record<string, string | number>;

const DICTIONARIES: Record<Language, Record<TextKey, string>> = { en, ko };

export function textIn(language: Language, key: TextKey, values: TextValues = {}): string {
  return DICTIONARIES[language][key].replace(/\{(\w+)\}/g, (hole, name: string) =>
    name in values ? String(values[name]) : hole,
  );
}

export function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(en, key);
}

/** The first language of the browser that the page has; English otherwise. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().split('-')[0] === language);
    if (found !== undefined) return found;
  }
  return 'en';
}
