// The reports that are made again and again.

import { formatDateTime } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useMayAct, useSiteName, useText } from '../state/hooks.ts';
import { Button } from '../ui/primitives.tsx';
import { RecordActions, RecordTable } from '../ui/record-table.tsx';
import { toast } from '../ui/toasts.tsx';
import { reportApi, type Schedule } from './report-api.ts';

export function ScheduleTable({ schedules, onChanged }: { schedules: Schedule[]; onChanged: () => void }) {
  const t = useText();
  return (
    <section className="card report-schedules" aria-labelledby="schedules-title">
      <div className="card__head">
        <h2 id="schedules-title">{t('reports.schedules')}</h2>
      </div>
      <RecordTable
        columns={[
          t('reports.site'),
          t('reports.period'),
          t('reports.kind'),
          t('reports.language'),
          t('reports.col.next'),
        ]}
        testId="schedule-table"
      >
        {schedules.map((schedule) => (
          <ScheduleRow key={schedule.id} schedule={schedule} onChanged={onChanged} />
        ))}
      </RecordTable>
    </section>
  );
}

function ScheduleRow({ schedule, onChanged }: { schedule: Schedule; onChanged: () => void }) {
  const t = useText();
  const language = useLanguage();
  const sentence = useErrorSentence();
  const siteName = useSiteName(schedule.site);
  const mayAct = useMayAct('operator');
  const period = t(`reports.period.${schedule.period}`);
  const remove = (): void => {
    reportApi.removeSchedule(schedule.id).then(onChanged, (error: unknown) => toast(sentence(error)));
  };
  return (
    <tr data-testid="schedule-row">
      <th scope="row">{siteName}</th>
      <td>
        {period}{' '}
        <span className="muted">{t('reports.at', { hour: schedule.hour, zone: schedule.timeZone })}</span>
      </td>
      <td>{t(`reports.kind.${schedule.kind}`)}</td>
      <td>{t(`reports.language.${schedule.language}`)}</td>
      <td data-label={t('reports.col.next')}>
        <time className="numeric" dateTime={schedule.nextAt}>
          {formatDateTime(schedule.nextAt, language)}
        </time>
      </td>
      <RecordActions>
        {mayAct ? (
          <Button
            look="danger"
            aria-label={`${t('reports.remove')}: ${siteName}, ${period}`}
            onClick={remove}
            data-testid="schedule-remove"
          >
            {t('reports.remove')}
          </Button>
        ) : null}
      </RecordActions>
    </tr>
  );
}
