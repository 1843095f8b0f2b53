// The keys with which a gateway signs; one that is new is accepted here.

import { useCallback, useEffect, useState } from 'react';
import { api } from '../api/endpoints.ts';
import type { Device, SigningKey } from '../api/types.ts';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Chip, Message } from '../ui/primitives.tsx';
import { Age } from '../ui/time.tsx';

const TONES = { accepted: 'ok', waiting: 'warn', retired: 'idle' } as const;

export function KeysDialog({ device, onClose }: { device: Device; onClose: () => void }) {
  const t = useText();
  const sentence = useErrorSentence();
  const [keys, setKeys] = useState<SigningKey[] | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const reread = useCallback((): void => {
    api.signingKeys(device).then(setKeys, setFailure);
  }, [device]);
  useEffect(reread, [reread]);
  const accept = (keyId: string): void => {
    api.acceptKey(device, keyId).then(reread, setFailure);
  };
  const isOneWaiting = keys?.some((key) => stateOf(key) === 'waiting') ?? false;
  return (
    <Dialog
      title={t('devices.keysTitle', { id: device.id })}
      onClose={onClose}
      className="dialog--wide"
      testId="keys-dialog"
    >
      <div className="dialog__body">
        {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
        {isOneWaiting ? <Message tone="warn">{t('devices.keyWarning')}</Message> : null}
        <p>{t(keys?.length === 0 ? 'devices.keysNone' : 'devices.keysText')}</p>
        {keys?.map((key) => (
          <KeyEntry key={key.keyId} signing={key} onAccept={() => accept(key.keyId)} />
        ))}
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.close')}</Button>
        </div>
      </div>
    </Dialog>
  );
}

function KeyEntry({ signing, onAccept }: { signing: SigningKey; onAccept: () => void }) {
  const t = useText();
  const state = stateOf(signing);
  return (
    <div className="snippet" data-testid="signing-key">
      <div className="snippet__head">
        <span>
          <Chip tone={TONES[state]}>{t(`devices.keyState.${state}`)}</Chip>{' '}
          <span className="muted">
            {signing.keyId}, <Age at={signing.seenAt} />
          </span>
        </span>
        {state === 'waiting' ? (
          <Button onClick={onAccept} aria-label={t('devices.keyAcceptOf', { key: signing.keyId })}>
            {t('devices.keyAccept')}
          </Button>
        ) : null}
      </div>
      <pre className="snippet__text" tabIndex={0}>
        <code>{signing.publicKey}</code>
      </pre>
    </div>
  );
}

function stateOf({ acceptedAt, retiredAt }: SigningKey): keyof typeof TONES {
  return acceptedAt === null ? 'waiting' : retiredAt === null ? 'accepted' : 'retired';
}
