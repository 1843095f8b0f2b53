// What a report and a schedule are both asked for by: site, kind, language, time zone.

import { useState } from 'react';
import { useFleet, useLanguage, useSite, useText } from '../state/hooks.ts';
import { Segments } from '../ui/primitives.tsx';
import { type ReportKind, type ReportLanguage, type ReportChoice } from './report-api.ts';

const KINDS: readonly ReportKind[] = ['html', 'xlsx', 'summary-csv', 'csv'];
const LANGUAGES: readonly ReportLanguage[] = ['ko', 'en'];

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
      <div className="field">
        <label htmlFor="report-site">{t('reports.site')}</label>
        <select
          className="select"
          id="report-site"
          value={choice.site}
          onChange={({ target }) => onChange({ site: target.value })}
        >
          {sites.map(({ id, name }) => (
            <option key={id} value={id}>
              {name ?? id}
            </option>
          ))}
        </select>
      </div>
      <div className="field">
        <label htmlFor="report-kind">{t('reports.kind')}</label>
        <select
          className="select"
          id="report-kind"
          value={choice.kind}
          aria-describedby="report-kind-hint"
          onChange={({ target }) => onChange({ kind: target.value as ReportKind })}
        >
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {t(`reports.kind.${kind}`)}
            </option>
          ))}
        </select>
        <span className="field__hint" id="report-kind-hint">
          {t(`reports.kindHint.${choice.kind}`)}
        </span>
      </div>
      <div className="field">
        <span className="field__label">{t('reports.language')}</span>
        <Segments
          label={t('reports.language')}
          value={choice.language}
          options={LANGUAGES.map((value) => ({ value, label: t(`reports.language.${value}`) }))}
          onChoose={(language) => onChange({ language })}
        />
      </div>
      <div className="field">
        <label htmlFor="report-zone">{t('reports.timeZone')}</label>
        <input
          className="input"
          id="report-zone"
          list="report-zones"
          autoComplete="off"
          spellCheck={false}
          maxLength={64}
          value={choice.timeZone}
          aria-describedby="report-zone-hint"
          required
          onChange={({ target }) => onChange({ timeZone: target.value })}
        />
        <datalist id="report-zones">
          {Intl.supportedValuesOf('timeZone').map((zone) => (
            <option key={zone} value={zone} />
          ))}
        </datalist>
        <span className="field__hint" id="report-zone-hint">
          {t('reports.timeZoneHint')}
        </span>
      </div>
    </>
  );
}
