// What components ask of the stores, in one line each.

import { useMemo } from 'react';
import { sentenceOf } from '../api/http.ts';
import type { Camera, Role } from '../api/types.ts';
import { textIn, type Language, type TextValues } from '../i18n/language.ts';
import type { TextKey } from '../i18n/en.ts';
import { keyOf, type Fleet } from './fleet.ts';
import { fleet } from './fleet-sync.ts';
import { preferences } from './preferences.ts';
import { mayAct, session } from './session.ts';
import { useStore } from './store.ts';

export function useLanguage(): Language {
  return useStore(preferences, ({ language }) => language);
}

export type Translate = (key: TextKey, values?: TextValues) => string;

export function useText(): Translate {
  const language = useLanguage();
  return useMemo(() => (key, values) => textIn(language, key, values), [language]);
}

/** What to tell a person about a failed call. */
export function useErrorSentence(): (error: unknown) => string {
  const language = useLanguage();
  return (error) => sentenceOf(error, language) ?? textIn(language, 'common.networkError');
}

export function useFleet<Part>(select: (fleet: Fleet) => Part): Part {
  return useStore(fleet, select);
}

export function useMayAct(role: Role): boolean {
  return useStore(session, (current) => mayAct(current, role));
}

/** The chosen site; undefined for all, and when the chosen one no longer exists. */
export function useSite(): string | undefined {
  const chosen = useStore(preferences, ({ site }) => site);
  const isGone = useFleet(({ isLoaded, sites }) => isLoaded && !sites.some(({ id }) => id === chosen));
  return isGone ? undefined : chosen;
}

/** Cameras of the chosen site, by site and name. */
export function useCameras(): Camera[] {
  const cameras = useFleet((state) => state.cameras);
  const site = useSite();
  return useMemo(
    () =>
      Object.values(cameras)
        .filter((camera) => site === undefined || camera.site === site)
        .sort(
          (a, b) => a.site.localeCompare(b.site) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id),
        ),
    [cameras, site],
  );
}

export function useSiteName(id: string): string {
  return useFleet((state) => state.sites.find((site) => site.id === id)?.name ?? id);
}

export function useCameraName(site: string, id: string): string {
  return useFleet((state) => state.cameras[keyOf(site, id)]?.name ?? id);
}
