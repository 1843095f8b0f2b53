// Asks for a report after each day, week or month.

import { useState, type FormEvent } from 'react';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message, Segments } from '../ui/primitives.tsx';
import { ReportFields, useReportChoice } from './report-fields.tsx';
import { reportApi, type ReportPeriod } from './report-api.ts';

const PERIODS: readonly ReportPeriod[] = ['daily', 'weekly', 'monthly'];
const HOURS = Array.from({ length: 24 }, (_none, hour) => hour);
const MORNING = 6;

export function ScheduleDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const t = useText();
  const sentence = useErrorSentence();
  const [choice, change] = useReportChoice();
  const [period, setPeriod] = useState<ReportPeriod>('daily');
  const [hour, setHour] = useState(MORNING);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    setBusy(true);
    reportApi.createSchedule({ ...choice, period, hour }).then(onDone, (error: unknown) => {
      setProblem(sentence(error));
      setBusy(false);
    });
  };

  return (
    <Dialog title={t('reports.addSchedule')} onClose={onClose} testId="schedule-dialog">
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
        </div>
        <div className="field">
          <label htmlFor="schedule-hour">{t('reports.hour')}</label>
          <select
            className="select"
            id="schedule-hour"
            value={hour}
            onChange={({ target }) => setHour(Number(target.value))}
          >
            {HOURS.map((one) => (
              <option key={one} value={one}>
                {`${String(one).padStart(2, '0')}:00`}
              </option>
            ))}
          </select>
          <span className="field__hint">{t(`reports.hourHint.${period}`)}</span>
        </div>
        <ReportFields choice={choice} onChange={change} />
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" look="primary" disabled={isBusy} data-testid="schedule-submit">
            {t('reports.addSchedule')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
