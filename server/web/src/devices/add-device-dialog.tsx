// Asks for a new device's name, kind and site.

import { useState, type FormEvent } from 'react';
import { isId } from '@sitecast/shared/protocol/ids';
import { api } from '../api/endpoints.ts';
import type { Device } from '../api/types.ts';
import { useErrorSentence, useFleet, useSite, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message, Segments } from '../ui/primitives.tsx';
import type { NewDevice } from './usage.ts';

export function AddDeviceDialog({
  onClose,
  onAdded,
}: {
  onClose: () => void;
  onAdded: (device: NewDevice) => void;
}) {
  const t = useText();
  const sentence = useErrorSentence();
  const sites = useFleet((state) => state.sites);
  const chosenSite = useSite();
  const [kind, setKind] = useState<Device['kind']>('sensor');
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [id, site] = ['id', 'site'].map((name) => (form.get(name) as string).trim());
    if (id === undefined || site === undefined) return;
    if (!isId(id) || !isId(site)) return setProblem(t('devices.idInvalid'));
    setBusy(true);
    api.addDevice({ id, site, kind }).then(
      ({ secret }) => onAdded({ id, site, kind, secret }),
      (error: unknown) => {
        setProblem(sentence(error));
        setBusy(false);
      },
    );
  };

  return (
    <Dialog title={t('devices.add')} onClose={onClose} testId="device-dialog">
      <form className="dialog__body" onSubmit={submit}>
        {problem === undefined ? null : <Message tone="bad">{problem}</Message>}
        <div className="field">
          <span className="field__label">{t('devices.kind')}</span>
          <Segments
            label={t('devices.kind')}
            value={kind}
            options={(['sensor', 'agent'] as const).map((value) => ({
              value,
              label: t(`devices.kind.${value}`),
            }))}
            onChoose={setKind}
          />
        </div>
        <div className="field">
          <label htmlFor="device-id">{t('devices.id')}</label>
          <input
            className="input"
            id="device-id"
            name="id"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={63}
            aria-describedby="device-id-hint"
            required
          />
          <span className="field__hint" id="device-id-hint">
            {t('devices.idHint')}
          </span>
        </div>
        <div className="field">
          <label htmlFor="device-site">{t('devices.site')}</label>
          <input
            className="input"
            id="device-site"
            name="site"
            list="device-sites"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={63}
            defaultValue={chosenSite ?? sites[0]?.id ?? ''}
            required
          />
          <datalist id="device-sites">
            {sites.map(({ id, name }) => (
              <option key={id} value={id}>
                {name ?? id}
              </option>
            ))}
          </datalist>
        </div>
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" look="primary" disabled={isBusy}>
            {t('devices.add')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
