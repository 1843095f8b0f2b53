// What a report and a schedule are both asked for by: site, kind, language, time zone.

import { useState } from 'react';
import { useFleet, useLanguage, useSite, useText } from '../state/hooks.ts';
import { Choice, Entry, Options } from '../ui/fields.tsx';
import { type ReportKind, type ReportLanguage, type ReportChoice } from './report-api.ts';

const KINDS: readonly ReportKind[] = ['html', 'xlsx', 'summary-csv', 'csv'];
const LANGUAGES: readonly ReportLanguage[] = ['ko', 'en'];
const ZONES = Intl.supportedValuesOf('timeZone').map((value) => ({ value }));

const ownZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The clock of the site, or of this computer where the site has none. */
export function useReportChoice(): [ReportChoice, (change: Partial<ReportChoice>) => void] {
  const sites = useFleet((state) => state.sites);
  const chosen = useSite();
  const language = useLanguage();
  const zoneOf = (id: string): string => sites.find((site) => site.id === id)?.timeZone ?? ownZone();
  const [choice, setChoice] = useState<ReportChoice>(() => {
    const site = chosen ?? sites[0]?.id ?? '';
    return { site, kind: 'html', language, timeZone: zoneOf(site) };
  });
  const change = (changed: Partial<ReportChoice>): void =>
    setChoice((before) => ({
      ...before,
      ...(changed.site === undefined ? {} : { timeZone: zoneOf(changed.site) }),
      ...changed,
    }));
  return [choice, change];
}

export function ReportFields({
  choice,
  onChange,
}: {
  choice: ReportChoice;
  onChange: (change: Partial<ReportChoice>) => void;
}) {
  const t = useText();
  const sites = useFleet((state) => state.sites);
  return (
    <>
      <Choice
        label={t('reports.site')}
        value={choice.site}
        options={sites.map(({ id, name }) => ({ value: id, label: name ?? id }))}
        onChange={(site) => onChange({ site })}
      />
      <Choice
        label={t('reports.kind')}
        value={choice.kind}
        options={KINDS.map((value) => ({ value, label: t(`reports.kind.${value}`) }))}
        onChange={(kind) => onChange({ kind })}
        hint={t(`reports.kindHint.${choice.kind}`)}
      />
      <Options
        label={t('reports.language')}
        value={choice.language}
        options={LANGUAGES.map((value) => ({ value, label: t(`reports.language.${value}`) }))}
        onChoose={(language) => onChange({ language })}
      />
      <Entry
        label={t('reports.timeZone')}
        value={choice.timeZone}
        onChange={(timeZone) => onChange({ timeZone })}
        suggestions={ZONES}
        maxLength={64}
        isRequired
        hint={t('reports.timeZoneHint')}
      />
    </>
  );
}
