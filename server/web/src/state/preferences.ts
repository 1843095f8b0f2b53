// What a person chose on this device: language, appearance, site. Remembered in the browser; works without storage too.

import { LANGUAGES, preferredLanguage, type Language } from '../i18n/language.ts';
import { createStore } from './store.ts';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export interface Preferences {
  language: Language;
  theme: Theme;
  /** undefined shows all sites. */
  site: string | undefined;
}

const KEY = 'sitecast.preferences';

export const preferences = createStore<Preferences>(load());

preferences.subscribe(() => {
  apply(preferences.get());
  save(preferences.get());
});

/** Makes the document follow the preferences; called once before the first paint. */
export function applyPreferences(): void {
  apply(preferences.get());
}

export function choose(change: Partial<Preferences>): void {
  preferences.update((before) => ({ ...before, ...change }));
}

function apply({ language, theme }: Preferences): void {
  const root = document.documentElement;
  root.lang = language;
  if (theme === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = theme;
}

function load(): Preferences {
  const stored = read();
  return {
    language: LANGUAGES.find((one) => one === stored.language) ?? preferredLanguage(navigator.languages),
    theme: THEMES.find((one) => one === stored.theme) ?? 'system',
    site: typeof stored.site === 'string' ? stored.site : undefined,
  };
}

function read(): Partial<Record<keyof Preferences, unknown>> {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? '{}') ?? {}) as Partial<
      Record<keyof Preferences, unknown>
    >;
  } catch {
    return {};
  }
}

function save(value: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(value));
  } catch {
    // Storage is off or full: the choice holds until the page is closed.
  }
}
