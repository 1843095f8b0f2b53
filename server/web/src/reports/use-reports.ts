// Reports and their schedules as the server has them, read again while something is being made.

import { useCallback, useEffect, useState } from 'react';
import { reportApi, type Report, type Schedule } from './report-api.ts';

const REREAD_BUSY_MS = 1_500;
const REREAD_MS = 15_000;

export interface ReportLists {
  reports: Report[];
  schedules: Schedule[];
}

export const isBusy = ({ state }: Report): boolean => state === 'queued' || state === 'running';

export function useReports(): { lists: ReportLists | undefined; failure: unknown; reread: () => void } {
  const [lists, setLists] = useState<ReportLists | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const reread = useCallback((): void => {
    Promise.all([reportApi.reports(), reportApi.schedules()]).then(([reports, schedules]) => {
      setLists({ reports, schedules });
      setFailure(undefined);
    }, setFailure);
  }, []);
  const everyMs = lists?.reports.some(isBusy) === true ? REREAD_BUSY_MS : REREAD_MS;
  useEffect(() => {
    reread();
    const timer = setInterval(reread, everyMs);
    return () => clearInterval(timer);
  }, [reread, everyMs]);
  return { lists, failure, reread };
}
