// Devices without an agent that upload pictures over HTTP, and which of them were accepted.

import type { DeviceLogin } from '../../test/e2e/support/device.ts';
import { untilZero } from './drain.ts';
import type { Load } from './load.ts';
import { paddedJpeg } from './pictures.ts';
import type { PicturesReport } from './snapshots.ts';

export interface UploadsOptions {
  url: string;
  /** Of kind sensor; they take turns. */
  logins: DeviceLogin[];
  perSecond: number;
  bytes: number;
}

const MAX_IN_FLIGHT = 100;
const TIMEOUT_MS = 15_000;

export async function startUploads({
  url,
  logins,
  perSecond,
  bytes,
}: UploadsOptions): Promise<Load<PicturesReport>> {
  const report: PicturesReport = { sent: 0, ackedIds: [], refused: {} };
  let inFlight = 0;
  const upload = async (): Promise<void> => {
    const { id, secret } = logins[report.sent % logins.length]!;
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    report.sent += 1;
    const response = await fetch(`${url}/api/v1/ingest/images?camera=gate-${id}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'image/jpeg' },
      body: new Uint8Array(paddedJpeg(bytes)),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = (await response.json()) as { id?: string };
    if (response.status === 202) report.ackedIds.push(answer.id!);
    else count(String(response.status));
  };
  const count = (reason: string): void => void (report.refused[reason] = (report.refused[reason] ?? 0) + 1);
  const timer = setInterval(() => {
    if (inFlight >= MAX_IN_FLIGHT) return count('held back');
    inFlight += 1;
    upload()
      .catch((error: Error) => count(error.name))
      .finally(() => (inFlight -= 1));
  }, 1_000 / perSecond);
  return {
    reset: () => undefined,
    report: () => report,
    finish: async () => {
      clearInterval(timer);
      await untilZero(() => inFlight);
    },
  };
}
