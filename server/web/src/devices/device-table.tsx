// The list of devices.

import type { Device } from '../api/types.ts';
import { useSiteName, useText } from '../state/hooks.ts';
import { Button, Chip } from '../ui/primitives.tsx';
import { Age } from '../ui/time.tsx';

export function DeviceTable({
  devices,
  onMap,
  onKeys,
  onRevoke,
}: {
  devices: Device[];
  onMap: (device: Device) => void;
  onKeys: (device: Device) => void;
  onRevoke: (device: Device) => void;
}) {
  const t = useText();
  return (
    <div className="card table-scroll">
      <table className="table table--stack" data-testid="device-table">
        <thead>
          <tr>
            <th scope="col">{t('devices.id')}</th>
            <th scope="col">{t('devices.kind')}</th>
            <th scope="col">{t('system.col.state')}</th>
            <th scope="col">{t('devices.col.lastSeen')}</th>
            <th scope="col">{t('devices.col.created')}</th>
            <th scope="col">
              <span className="visually-hidden">{t('devices.col.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {devices.map((device) => (
            <DeviceRow key={device.id} device={device} onMap={onMap} onKeys={onKeys} onRevoke={onRevoke} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function DeviceRow({
  device,
  onMap,
  onKeys,
  onRevoke,
}: {
  device: Device;
  onMap: (device: Device) => void;
  onKeys: (device: Device) => void;
  onRevoke: (device: Device) => void;
}) {
  const t = useText();
  const siteName = useSiteName(device.site);
  const isRevoked = typeof device.revokedAt === 'string';
  const state = isRevoked ? 'revoked' : device.connected ? 'connected' : 'offline';
  return (
    <tr data-testid="device-row" data-device={device.id}>
      <th scope="row">
        {device.id} <span className="muted">{siteName}</span>
      </th>
      <td>{t(`devices.kind.${device.kind}`)}</td>
      <td>
        <Chip tone={state === 'connected' ? 'ok' : state === 'revoked' ? 'bad' : 'idle'}>
          {t(`devices.state.${state}`)}
        </Chip>
      </td>
      <td data-label={t('devices.col.lastSeen')}>
        <Age at={device.lastSeenAt} />
      </td>
      <td data-label={t('devices.col.created')}>
        <Age at={device.createdAt} />
      </td>
      <td className="table__actions">
        {!isRevoked && device.kind === 'agent' ? (
          <Button onClick={() => onKeys(device)} data-testid="device-keys">
            {t('devices.keys')}
          </Button>
        ) : null}
        {!isRevoked && device.kind === 'sensor' ? (
          <Button onClick={() => onMap(device)} data-testid="device-map">
            {t('devices.map')}
          </Button>
        ) : null}{' '}
        {!isRevoked ? (
          <Button look="danger" onClick={() => onRevoke(device)} data-testid="device-revoke">
            {t('devices.revoke')}
          </Button>
        ) : null}
      </td>
    </tr>
  );
}
