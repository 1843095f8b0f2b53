// Shows a new device's secret, once, and how to connect with it.

import { useState } from 'react';
import { useFleet, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message } from '../ui/primitives.tsx';
import { agentConfig, agentCommand, sensorCommand, type NewDevice } from './usage.ts';

export function SecretDialog({ device, onClose }: { device: NewDevice; onClose: () => void }) {
  const t = useText();
  const ports = useFleet((state) => state.system?.endpoints);
  const endpoint = {
    host: window.location.hostname,
    mqttPort: ports?.mqttPort ?? 1883,
    mediaPort: ports?.mediaPort ?? 1884,
  };
  return (
    <Dialog
      title={t('devices.secretTitle', { id: device.id })}
      onClose={onClose}
      className="dialog--wide"
      testId="secret-dialog"
      isSticky
    >
      <div className="dialog__body">
        <Message tone="warn">{t('devices.secretOnce')}</Message>
        <Snippet title={t('devices.secret')} text={device.secret} testId="device-secret" />
        {device.kind === 'agent' ? (
          <>
            <Snippet title={t('devices.useAgent')} text={agentConfig(device, endpoint)} />
            <Snippet title={t('devices.useSecretFile')} text={agentCommand()} />
          </>
        ) : (
          <Snippet title={t('devices.useSensor')} text={sensorCommand(device, endpoint)} />
        )}
        <div className="dialog__foot">
          <Button look="primary" onClick={onClose}>
            {t('devices.done')}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function Snippet({ title, text, testId }: { title: string; text: string; testId?: string }) {
  const t = useText();
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    copyText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <div className="snippet">
      <div className="snippet__head">
        <span className="field__label">{title}</span>
        <Button look="quiet" icon={isCopied ? 'check' : 'copy'} onClick={copy}>
          {t(isCopied ? 'common.copied' : 'common.copy')}
        </Button>
      </div>
      <pre className="snippet__text" tabIndex={0}>
        <code data-testid={testId}>{text}</code>
      </pre>
    </div>
  );
}

/** The clipboard works on HTTPS and localhost only; elsewhere the text stays to be marked by hand. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard === undefined) throw new TypeError('this page may not use the clipboard');
  await navigator.clipboard.writeText(text);
}
