// `sitecast-server device list|create|revoke`.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { createDevice, Devices, type DeviceKind } from '../fleet/devices.ts';
import { readConfig } from '../config.ts';
import { table } from '../text-table.ts';
import { printAnswer, type CommandContext } from './context.ts';
import { withDatabase } from './database.ts';

export async function listDevices(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { maxDevices } = readConfig(context.env);
  const devices = await withDatabase(context, (database) => new Devices({ database, maxDevices }).list());
  printAnswer(context, options, { devices }, () =>
    table([
      ['SITE', 'DEVICE', 'KIND', 'LAST SEEN'],
      ...devices.map(({ site, id, kind, lastSeenAt }) => [
        site,
        id,
        kind,
        lastSeenAt?.toISOString() ?? 'never',
      ]),
    ]),
  );
}

export async function createDeviceCommand(
  context: CommandContext,
  site: string,
  id: string,
  options: { kind: DeviceKind; renew?: boolean; json?: boolean },
): Promise<void> {
  const { maxDevices } = readConfig(context.env);
  const made = await withDatabase(context, (database) =>
    createDevice(database, { site, id, kind: options.kind, renew: options.renew ?? false, maxDevices }),
  );
  printAnswer(context, options, made, () => [`${made.id}: ${made.secret}`]);
}

export async function revokeDevice(
  context: CommandContext,
  id: string,
  options: { json?: boolean },
): Promise<void> {
  const { maxDevices } = readConfig(context.env);
  const isRevoked = await withDatabase(context, (database) =>
    new Devices({ database, maxDevices }).revoke(id),
  );
  if (!isRevoked) throw new AppError('NOT_FOUND', `there is no device ${id}`);
  printAnswer(context, options, { id, revoked: true }, () => [`${id}: revoked`]);
}
