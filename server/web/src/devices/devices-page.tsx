// Devices that may connect: list, add, revoke. For administrators.

import { useCallback, useEffect, useState } from 'react';
import { api } from '../api/endpoints.ts';
import type { Device } from '../api/types.ts';
import { useErrorSentence, useSite, useText } from '../state/hooks.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Button, Empty, Message, Skeleton } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';
import { AddDeviceDialog } from './add-device-dialog.tsx';
import { DeviceTable } from './device-table.tsx';
import { KeysDialog } from './keys-dialog.tsx';
import { MappingDialog } from './mapping-dialog.tsx';
import { SecretDialog } from './secret-dialog.tsx';
import type { NewDevice } from './usage.ts';

const REREAD_MS = 10_000;

export function DevicesPage() {
  const t = useText();
  const sentence = useErrorSentence();
  const site = useSite();
  const { devices, failure, reread } = useDevices();
  const [isAdding, setAdding] = useState(false);
  const [added, setAdded] = useState<NewDevice | undefined>(undefined);
  const [mapping, setMapping] = useState<Device | undefined>(undefined);
  const [keysOf, setKeysOf] = useState<Device | undefined>(undefined);
  const [revoking, setRevoking] = useState<Device | undefined>(undefined);
  const shown = devices?.filter((device) => site === undefined || device.site === site);
  const addButton = (
    <Button look="primary" icon="plus" onClick={() => setAdding(true)} data-testid="device-add">
      {t('devices.add')}
    </Button>
  );
  return (
    <section aria-labelledby="devices-title">
      <div className="page-head">
        <div className="page-head__title">
          <h1 id="devices-title">{t('devices.title')}</h1>
          <p className="muted">{t('devices.lead')}</p>
        </div>
        {addButton}
      </div>
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {shown === undefined && failure === undefined ? <Skeleton className="table-skeleton" /> : null}
      {shown?.length === 0 ? (
        <Empty icon="devices" title={t('devices.emptyTitle')}>
          {t('devices.emptyText')}
        </Empty>
      ) : null}
      {shown !== undefined && shown.length > 0 ? (
        <DeviceTable devices={shown} onMap={setMapping} onKeys={setKeysOf} onRevoke={setRevoking} />
      ) : null}
      {isAdding ? (
        <AddDeviceDialog
          onClose={() => setAdding(false)}
          onAdded={(device) => {
            setAdding(false);
            setAdded(device);
            reread();
          }}
        />
      ) : null}
      {added === undefined ? null : <SecretDialog device={added} onClose={() => setAdded(undefined)} />}
      {keysOf === undefined ? null : <KeysDialog device={keysOf} onClose={() => setKeysOf(undefined)} />}
      {mapping === undefined ? null : (
        <MappingDialog
          device={mapping}
          onClose={() => setMapping(undefined)}
          onSaved={() => {
            setMapping(undefined);
            reread();
          }}
        />
      )}
      {revoking === undefined ? null : (
        <RevokeDialog
          device={revoking}
          onClose={() => setRevoking(undefined)}
          onRevoked={() => {
            setRevoking(undefined);
            reread();
          }}
        />
      )}
    </section>
  );
}

function useDevices(): { devices: Device[] | undefined; failure: unknown; reread: () => void } {
  const [devices, setDevices] = useState<Device[] | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const reread = useCallback((): void => {
    api.devices().then((items) => {
      setDevices(items);
      setFailure(undefined);
    }, setFailure);
  }, []);
  useEffect(() => {
    reread();
    const timer = setInterval(reread, REREAD_MS);
    return () => clearInterval(timer);
  }, [reread]);
  return { devices, failure, reread };
}

function RevokeDialog({
  device,
  onClose,
  onRevoked,
}: {
  device: Device;
  onClose: () => void;
  onRevoked: () => void;
}) {
  const t = useText();
  const revoke = (): Promise<void> =>
    api.revokeDevice(device.id).then(() => {
      toast(t('devices.revoked', { id: device.id }));
      onRevoked();
    });
  return (
    <FormDialog
      title={t('devices.revokeTitle', { id: device.id })}
      submitLabel={t('devices.revoke')}
      submitLook="danger"
      onSubmit={revoke}
      onClose={onClose}
      testId="revoke-dialog"
      submitTestId="revoke-confirm"
    >
      <p>{t('devices.revokeText')}</p>
    </FormDialog>
  );
}
