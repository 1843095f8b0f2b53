// Somebody who asks for a report of the last hour, again and again.

import type { Load } from './load.ts';

export interface ReportsOptions {
  url: string;
  cookie: string;
  everySeconds: number;
}

const HOUR_MS = 3_600_000;

export async function startReports({
  url,
  cookie,
  everySeconds,
}: ReportsOptions): Promise<Load<Record<string, number>>> {
  const answers: Record<string, number> = {};
  const ask = async (): Promise<void> => {
    const [from, to] = [Date.now() - HOUR_MS, Date.now()].map((ms) => new Date(ms).toISOString());
    const response = await fetch(`${url}/api/v1/reports`, {
      method: 'POST',
      headers: { cookie, origin: url, 'content-type': 'application/json' },
      body: JSON.stringify({ site: 'local', from, to, kind: 'csv' }),
    });
    answers[response.status] = (answers[response.status] ?? 0) + 1;
    await response.arrayBuffer();
  };
  const begin = (): void =>
    void ask().catch((error: Error) => (answers[error.name] = (answers[error.name] ?? 0) + 1));
  begin();
  setInterval(begin, everySeconds * 1_000);
  return { reset: () => undefined, report: () => answers };
}
