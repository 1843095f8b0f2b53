// The list of reports, with how far those are that are being made.

import { formatBytes, formatPeriod } from '../i18n/format.ts';
import { useErrorSentence, useLanguage, useMayAct, useSiteName, useText } from '../state/hooks.ts';
import { Icon } from '../ui/icon.tsx';
import { Button, Chip, Meter } from '../ui/primitives.tsx';
import { RecordActions, RecordTable } from '../ui/record-table.tsx';
import { Age } from '../ui/time.tsx';
import { toast } from '../ui/toasts.tsx';
import { isBusy } from './use-reports.ts';
import { reportApi, reportUrl, type Report } from './report-api.ts';

export function ReportTable({ reports, onChanged }: { reports: Report[]; onChanged: () => void }) {
  const t = useText();
  return (
    <div className="card">
      <RecordTable
        columns={[
          t('reports.col.report'),
          t('reports.kind'),
          t('reports.col.state'),
          t('reports.col.size'),
          t('reports.col.asked'),
        ]}
        testId="report-table"
      >
        {reports.map((report) => (
          <ReportRow key={report.id} report={report} onChanged={onChanged} />
        ))}
      </RecordTable>
    </div>
  );
}

function ReportRow({ report, onChanged }: { report: Report; onChanged: () => void }) {
  const t = useText();
  const language = useLanguage();
  const siteName = useSiteName(report.site);
  const period = formatPeriod(report, language);
  const asked = t(`reports.period.${report.period ?? 'custom'}`);
  return (
    <tr data-testid="report-row" data-report={report.id} data-state={report.state}>
      <th scope="row">
        {siteName} <span className="muted">{`${asked} · ${period}`}</span>
      </th>
      <td>{t(`reports.kind.${report.kind}`)}</td>
      <td>
        <ReportState report={report} />
      </td>
      <td data-label={t('reports.col.size')} className="numeric">
        {report.state === 'done' ? formatBytes(report.bytes) : '–'}
      </td>
      <td data-label={t('reports.col.asked')}>
        <Age at={report.createdAt} />
      </td>
      <ReportActions report={report} name={`${siteName}, ${period}`} onChanged={onChanged} />
    </tr>
  );
}

function ReportState({ report }: { report: Report }) {
  const t = useText();
  const language = useLanguage();
  const words = t(`reports.state.${report.state}`);
  if (report.state === 'failed') {
    const reason = language === 'ko' ? report.error?.messageKo : report.error?.message;
    return (
      <>
        <Chip tone="bad">{words}</Chip> <span className="muted">{reason}</span>
      </>
    );
  }
  if (report.state !== 'running') return <Chip tone={report.state === 'done' ? 'ok' : 'idle'}>{words}</Chip>;
  return (
    <div className="progress">
      <Chip tone="info" isBusy>{`${words} ${Math.floor(report.progress * 100)} %`}</Chip>
      <Meter label={words} fraction={report.progress} isCalm />
    </div>
  );
}

function ReportActions({ report, name, onChanged }: { report: Report; name: string; onChanged: () => void }) {
  const t = useText();
  const sentence = useErrorSentence();
  const mayAct = useMayAct('operator');
  const remove = (): void => {
    reportApi.remove(report.id).then(onChanged, (error: unknown) => toast(sentence(error)));
  };
  return (
    <RecordActions>
      {report.state === 'done' ? (
        <a
          className="button"
          href={reportUrl(report.id)}
          download
          aria-label={`${t('reports.download')}: ${name}`}
          data-testid="report-download"
        >
          <Icon name="download" />
          {t('reports.download')}
        </a>
      ) : null}
      {mayAct ? (
        <Button
          look="danger"
          aria-label={`${t(isBusy(report) ? 'reports.stop' : 'reports.remove')}: ${name}`}
          onClick={remove}
          data-testid="report-remove"
        >
          {t(isBusy(report) ? 'reports.stop' : 'reports.remove')}
        </Button>
      ) : null}
    </RecordActions>
  );
}
