// A gateway that sends snapshots at QoS 1, and which of them were acknowledged.

import { topics } from '@sitecast/shared/protocol/topics';
import { snapshotEnvelope, type DeviceLogin } from '../../test/e2e/support/device.ts';
import { untilZero } from './drain.ts';
import type { Load } from './load.ts';
import { connectMqtt } from './mqtt-connection.ts';
import { absurdJpeg, paddedJpeg } from './pictures.ts';

export interface SnapshotsOptions {
  port: number;
  login: DeviceLogin;
  perSecond: number;
  bytes: number;
  /** Frame headers of the pictures then claim more pixels than any memory holds. */
  isAbsurd?: boolean;
}

export interface PicturesReport {
  sent: number;
  ackedIds: string[];
  refused: Record<string, number>;
}

/** PR-13. */
const MAX_IN_FLIGHT = 8;

export async function startSnapshots(options: SnapshotsOptions): Promise<Load<PicturesReport>> {
  const { port, login, perSecond, bytes, isAbsurd = false } = options;
  const client = await connectMqtt({ port, clientId: login.id, username: login.id, password: login.secret });
  const report: PicturesReport = { sent: 0, ackedIds: [], refused: {} };
  let inFlight = 0;
  const send = (): void => {
    if (inFlight >= MAX_IN_FLIGHT) return;
    inFlight += 1;
    const { id, bytes: envelope } = snapshotEnvelope('door', isAbsurd ? absurdJpeg() : paddedJpeg(bytes));
    report.sent += 1;
    client.publish(
      topics.snapshot({ site: 'local', agent: login.id }, 'door'),
      envelope,
      { qos: 1 },
      (error) => {
        inFlight -= 1;
        if (!error) report.ackedIds.push(id);
      },
    );
  };
  const timer = setInterval(send, 1_000 / perSecond);
  return {
    reset: () => undefined,
    report: () => report,
    finish: async () => {
      clearInterval(timer);
      await untilZero(() => inFlight);
    },
  };
}
