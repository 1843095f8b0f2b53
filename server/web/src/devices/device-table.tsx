// The list of devices.

import type { Device } from '../api/types.ts';
import { useSiteName, useText } from '../state/hooks.ts';
import { Button, Chip } from '../ui/primitives.tsx';
import { RecordActions, RecordTable } from '../ui/record-table.tsx';
import { Age } from '../ui/time.tsx';

export interface DeviceTableProps {
  devices: Device[];
  onMap: (device: Device) => void;
  onKeys: (device: Device) => void;
  onRevoke: (device: Device) => void;
}

export function DeviceTable({ devices, ...actions }: DeviceTableProps) {
  const t = useText();
  return (
    <div className="card">
      <RecordTable
        columns={[
          t('devices.id'),
          t('devices.kind'),
          t('system.col.state'),
          t('devices.col.lastSeen'),
          t('devices.col.created'),
        ]}
        testId="device-table"
      >
        {devices.map((device) => (
          <DeviceRow key={device.id} device={device} {...actions} />
        ))}
      </RecordTable>
    </div>
  );
}

type DeviceRowProps = Omit<DeviceTableProps, 'devices'> & { device: Device };

function DeviceRow({ device, ...actions }: DeviceRowProps) {
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
      <RecordActions>{isRevoked ? null : <DeviceActions device={device} {...actions} />}</RecordActions>
    </tr>
  );
}

function DeviceActions({ device, onMap, onKeys, onRevoke }: DeviceRowProps) {
  const t = useText();
  return (
    <>
      {device.kind === 'agent' ? (
        <Button onClick={() => onKeys(device)} data-testid="device-keys">
          {t('devices.keys')}
        </Button>
      ) : (
        <Button onClick={() => onMap(device)} data-testid="device-map">
          {t('devices.map')}
        </Button>
      )}
      <Button look="danger" onClick={() => onRevoke(device)} data-testid="device-revoke">
        {t('devices.revoke')}
      </Button>
    </>
  );
}
