// Language, appearance and site: the choices that are remembered on this device.

import { LANGUAGES, type Language } from '../i18n/language.ts';
import { useFleet, useLanguage, useSite, useText } from '../state/hooks.ts';
import { THEMES, choose, preferences } from '../state/preferences.ts';
import { useStore } from '../state/store.ts';
import { Segments } from '../ui/primitives.tsx';

/** A language is named in itself, so that it is found by who reads it. */
const OWN_NAMES: Record<Language, string> = { en: 'English', ko: '한국어' };

export function LanguageChoice() {
  const t = useText();
  const language = useLanguage();
  return (
    <Segments
      label={t('shell.language')}
      value={language}
      options={LANGUAGES.map((value) => ({ value, label: OWN_NAMES[value] }))}
      onChoose={(value) => choose({ language: value })}
    />
  );
}

export function ThemeChoice() {
  const t = useText();
  const theme = useStore(preferences, (value) => value.theme);
  return (
    <Segments
      label={t('shell.theme')}
      value={theme}
      options={THEMES.map((value) => ({ value, label: t(`shell.theme.${value}`) }))}
      onChoose={(value) => choose({ theme: value })}
    />
  );
}

export function SiteChoice() {
  const t = useText();
  const sites = useFleet((state) => state.sites);
  const site = useSite();
  if (sites.length < 2)
    return sites[0] === undefined ? null : (
      <span className="site-name truncate">{sites[0].name ?? sites[0].id}</span>
    );
  return (
    <select
      className="select site-choice"
      aria-label={t('shell.site')}
      value={site ?? ''}
      onChange={(event) => choose({ site: event.target.value === '' ? undefined : event.target.value })}
    >
      <option value="">{t('shell.allSites')}</option>
      {sites.map(({ id, name }) => (
        <option key={id} value={id}>
          {name ?? id}
        </option>
      ))}
    </select>
  );
}
