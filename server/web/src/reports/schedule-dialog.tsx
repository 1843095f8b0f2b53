// Asks for a report after each day, week or month.

import { useState } from 'react';
import { useText } from '../state/hooks.ts';
import { Choice, Options } from '../ui/fields.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { ReportFields, useReportChoice } from './report-fields.tsx';
import { reportApi, type ReportPeriod } from './report-api.ts';

const PERIODS: readonly ReportPeriod[] = ['daily', 'weekly', 'monthly'];
const HOURS = Array.from({ length: 24 }, (_none, hour) => ({
  value: String(hour),
  label: `${String(hour).padStart(2, '0')}:00`,
}));
const MORNING = '6';

export function ScheduleDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const t = useText();
  const [choice, change] = useReportChoice();
  const [period, setPeriod] = useState<ReportPeriod>('daily');
  const [hour, setHour] = useState(MORNING);
  const submit = (): Promise<void> =>
    reportApi.createSchedule({ ...choice, period, hour: Number(hour) }).then(onDone);
  return (
    <FormDialog
      title={t('reports.addSchedule')}
      submitLabel={t('reports.addSchedule')}
      onSubmit={submit}
      onClose={onClose}
      testId="schedule-dialog"
      submitTestId="schedule-submit"
    >
      <Options
        label={t('reports.period')}
        value={period}
        options={PERIODS.map((value) => ({ value, label: t(`reports.period.${value}`) }))}
        onChoose={setPeriod}
      />
      <Choice
        label={t('reports.hour')}
        value={hour}
        options={HOURS}
        onChange={setHour}
        hint={t(`reports.hourHint.${period}`)}
      />
      <ReportFields choice={choice} onChange={change} />
    </FormDialog>
  );
}
