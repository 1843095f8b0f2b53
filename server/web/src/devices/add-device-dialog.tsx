// Asks for a new device's name, kind and site.

import { useState } from 'react';
import { isId } from '@sitecast/shared/protocol/ids';
import { api } from '../api/endpoints.ts';
import type { Device } from '../api/types.ts';
import { useFleet, useSite, useText } from '../state/hooks.ts';
import { Entry, Options } from '../ui/fields.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import type { NewDevice } from './usage.ts';

const KINDS: readonly Device['kind'][] = ['sensor', 'agent'];

export function AddDeviceDialog({
  onClose,
  onAdded,
}: {
  onClose: () => void;
  onAdded: (device: NewDevice) => void;
}) {
  const t = useText();
  const sites = useFleet((state) => state.sites);
  const chosenSite = useSite();
  const [device, setDevice] = useState<Omit<NewDevice, 'secret'>>(() => ({
    id: '',
    site: chosenSite ?? sites[0]?.id ?? '',
    kind: 'sensor',
  }));
  const change = (changed: Partial<typeof device>): void =>
    setDevice((before) => ({ ...before, ...changed }));

  const submit = (): string | Promise<void> => {
    const made = { ...device, id: device.id.trim(), site: device.site.trim() };
    if (!isId(made.id) || !isId(made.site)) return t('devices.idInvalid');
    return api.addDevice(made).then(({ secret }) => onAdded({ ...made, secret }));
  };

  return (
    <FormDialog
      title={t('devices.add')}
      submitLabel={t('devices.add')}
      onSubmit={submit}
      onClose={onClose}
      testId="device-dialog"
      submitTestId="device-submit"
    >
      <Options
        label={t('devices.kind')}
        value={device.kind}
        options={KINDS.map((value) => ({ value, label: t(`devices.kind.${value}`) }))}
        onChoose={(kind) => change({ kind })}
      />
      <Entry
        label={t('devices.id')}
        value={device.id}
        onChange={(id) => change({ id })}
        name="id"
        maxLength={63}
        isRequired
        hint={t('devices.idHint')}
      />
      <Entry
        label={t('devices.site')}
        value={device.site}
        onChange={(site) => change({ site })}
        name="site"
        maxLength={63}
        isRequired
        suggestions={sites.map(({ id, name }) => ({ value: id, label: name ?? id }))}
      />
    </FormDialog>
  );
}
