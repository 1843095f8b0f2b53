// Asks for one report: of the last whole day, week or month, or of times that are given.

import { useState, type FormEvent } from 'react';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message, Segments } from '../ui/primitives.tsx';
import { ReportFields, useReportChoice } from './report-fields.tsx';
import { reportApi, type ReportPeriod } from './report-api.ts';

const PERIODS = ['daily', 'weekly', 'monthly', 'custom'] as const;

export function ReportDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const t = useText();
  const sentence = useErrorSentence();
  const [choice, change] = useReportChoice();
  const [period, setPeriod] = useState<ReportPeriod | 'custom'>('daily');
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [from, to] = ['from', 'to'].map((name) => new Date((form.get(name) as string | null) ?? ''));
    if (period === 'custom' && !(from !== undefined && to !== undefined && from < to))
      return setProblem(t('reports.rangeWrong'));
    const range = period === 'custom' ? { from: from?.toISOString(), to: to?.toISOString() } : { period };
    setBusy(true);
    reportApi.create({ ...choice, ...range }).then(onDone, (error: unknown) => {
      setProblem(sentence(error));
      setBusy(false);
    });
  };

  return (
    <Dialog title={t('reports.add')} onClose={onClose} testId="report-dialog">
      <form className="dialog__body" onSubmit={submit}>
        {problem === undefined ? null : <Message tone="bad">{problem}</Message>}
        <div className="field">
          <span className="field__label">{t('reports.period')}</span>
          <Segments
            label={t('reports.period')}
            value={period}
            options={PERIODS.map((value) => ({ value, label: t(`reports.period.${value}`) }))}
            onChoose={setPeriod}
          />
          <span className="field__hint">{t(`reports.periodHint.${period}`)}</span>
        </div>
        {period === 'custom' ? <Times /> : null}
        <ReportFields choice={choice} onChange={change} />
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" look="primary" disabled={isBusy} data-testid="report-submit">
            {t('reports.make')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** By the clock of this computer. */
function Times() {
  const t = useText();
  return (
    <div className="field-pair">
      {(['from', 'to'] as const).map((name) => (
        <div className="field" key={name}>
          <label htmlFor={`report-${name}`}>{t(`reports.${name}`)}</label>
          <input className="input" id={`report-${name}`} name={name} type="datetime-local" required />
        </div>
      ))}
    </div>
  );
}
