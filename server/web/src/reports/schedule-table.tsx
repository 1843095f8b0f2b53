// The reports that are made again and again.

import { formatDateTime } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useMayAct, useSiteName, useText } from '../state/hooks.ts';
import { Button } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';
import { reportApi, type Schedule } from './report-api.ts';

export function ScheduleTable({ schedules, onChanged }: { schedules: Schedule[]; onChanged: () => void }) {
  const t = useText();
  return (
    <section className="card report-schedules" aria-labelledby="schedules-title">
      <div className="card__head">
        <h2 id="schedules-title">{t('reports.schedules')}</h2>
      </div>
      <div className="table-scroll">
        <table className="table table--stack" data-testid="schedule-table">
          <thead>
            <tr>
              <th scope="col">{t('reports.site')}</th>
              <th scope="col">{t('reports.period')}</th>
              <th scope="col">{t('reports.kind')}</th>
              <th scope="col">{t('reports.language')}</th>
              <th scope="col">{t('reports.col.next')}</th>
              <th scope="col">
                <span className="visually-hidden">{t('devices.col.actions')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {schedules.map((schedule) => (
              <ScheduleRow key={schedule.id} schedule={schedule} onChanged={onChanged} />
            ))}
          </tbody>
        </table>
      </div>
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
      <td className="table__actions">
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
      </td>
    </tr>
  );
}
