// Reports: asked for, followed, fetched, removed; and those that are made again and again.

import { useState } from 'react';
import { useErrorSentence, useMayAct, useSite, useText } from '../state/hooks.ts';
import { Button, Empty, Message, Skeleton } from '../ui/primitives.tsx';
import { ReportDialog } from './report-dialog.tsx';
import { ReportTable } from './report-table.tsx';
import { ScheduleDialog } from './schedule-dialog.tsx';
import { ScheduleTable } from './schedule-table.tsx';
import { useReports, type ReportLists } from './use-reports.ts';

export function ReportsPage() {
  const t = useText();
  const sentence = useErrorSentence();
  const { lists, failure, reread } = useReports();
  const [asking, setAsking] = useState<'report' | 'schedule' | undefined>(undefined);
  const mayAct = useMayAct('operator');
  const done = (): void => {
    setAsking(undefined);
    reread();
  };
  return (
    <section aria-labelledby="reports-title">
      <div className="page-head">
        <div className="page-head__title">
          <h1 id="reports-title">{t('reports.title')}</h1>
          <p className="muted">{t('reports.lead')}</p>
        </div>
        {mayAct ? (
          <div className="page-head__tools">
            <Button onClick={() => setAsking('schedule')} data-testid="schedule-add">
              {t('reports.addSchedule')}
            </Button>
            <Button look="primary" icon="plus" onClick={() => setAsking('report')} data-testid="report-add">
              {t('reports.add')}
            </Button>
          </div>
        ) : null}
      </div>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {lists === undefined && failure === undefined ? <Skeleton className="table-skeleton" /> : null}
      {lists === undefined ? null : <Lists lists={lists} onChanged={reread} />}
      {asking === 'report' ? <ReportDialog onClose={() => setAsking(undefined)} onDone={done} /> : null}
      {asking === 'schedule' ? <ScheduleDialog onClose={() => setAsking(undefined)} onDone={done} /> : null}
    </section>
  );
}

function Lists({ lists, onChanged }: { lists: ReportLists; onChanged: () => void }) {
  const t = useText();
  const site = useSite();
  const ofSite = (one: { site: string }): boolean => site === undefined || one.site === site;
  const reports = lists.reports.filter(ofSite);
  const schedules = lists.schedules.filter(ofSite);
  return (
    <>
      {reports.length === 0 ? (
        <Empty icon="reports" title={t('reports.emptyTitle')}>
          {t('reports.emptyText')}
        </Empty>
      ) : (
        <ReportTable reports={reports} onChanged={onChanged} />
      )}
      {schedules.length === 0 ? null : <ScheduleTable schedules={schedules} onChanged={onChanged} />}
    </>
  );
}
