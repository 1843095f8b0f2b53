// Asks for one report: of the last whole day, week or month, or of times that are given.

import { useState } from 'react';
import { useText } from '../state/hooks.ts';
import { Entry, Options } from '../ui/fields.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { ReportFields, useReportChoice } from './report-fields.tsx';
import { reportApi, type ReportPeriod } from './report-api.ts';

const PERIODS = ['daily', 'weekly', 'monthly', 'custom'] as const;

interface Times {
  from: string;
  to: string;
}

export function ReportDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const t = useText();
  const [choice, change] = useReportChoice();
  const [period, setPeriod] = useState<ReportPeriod | 'custom'>('daily');
  const [times, setTimes] = useState<Times>({ from: '', to: '' });

  const submit = (): string | Promise<void> => {
    if (period !== 'custom') return reportApi.create({ ...choice, period }).then(onDone);
    const [from, to] = [new Date(times.from), new Date(times.to)];
    if (!(from < to)) return t('reports.rangeWrong');
    const range = { from: from.toISOString(), to: to.toISOString() };
    return reportApi.create({ ...choice, ...range }).then(onDone);
  };

  return (
    <FormDialog
      title={t('reports.add')}
      submitLabel={t('reports.make')}
      onSubmit={submit}
      onClose={onClose}
      testId="report-dialog"
      submitTestId="report-submit"
    >
      <Options
        label={t('reports.period')}
        value={period}
        options={PERIODS.map((value) => ({ value, label: t(`reports.period.${value}`) }))}
        onChoose={setPeriod}
        hint={t(`reports.periodHint.${period}`)}
      />
      {period === 'custom' ? <TimesEntry times={times} onChange={setTimes} /> : null}
      <ReportFields choice={choice} onChange={change} />
    </FormDialog>
  );
}

/** By the clock of this computer. */
function TimesEntry({ times, onChange }: { times: Times; onChange: (times: Times) => void }) {
  const t = useText();
  return (
    <div className="field-pair">
      {(['from', 'to'] as const).map((name) => (
        <Entry
          key={name}
          label={t(`reports.${name}`)}
          value={times[name]}
          onChange={(value) => onChange({ ...times, [name]: value })}
          name={name}
          type="datetime-local"
          isRequired
        />
      ))}
    </div>
  );
}
