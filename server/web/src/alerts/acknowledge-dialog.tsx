// Takes an alert on, with a note for the others.

import { useState, type FormEvent } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { Alert } from '../api/alert-types.ts';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';

const NOTE_MAX = 500;

export function AcknowledgeDialog({
  alert,
  onClose,
  onDone,
}: {
  alert: Alert;
  onClose: () => void;
  onDone: () => void;
}) {
  const t = useText();
  const sentence = useErrorSentence();
  const [failure, setFailure] = useState<unknown>(undefined);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const note = (new FormData(event.currentTarget).get('note') as string).trim();
    alertApi.acknowledge(alert.id, note === '' ? null : note).then(() => {
      toast(t('alerts.acknowledged'));
      onDone();
    }, setFailure);
  };
  return (
    <Dialog title={t('alerts.acknowledge')} onClose={onClose} testId="acknowledge-dialog">
      <form className="dialog__body" onSubmit={submit}>
        {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
        <p>{t('alerts.acknowledgeText')}</p>
        <div className="field">
          <label htmlFor="acknowledge-note">{t('alerts.note')}</label>
          <input
            className="input"
            id="acknowledge-note"
            name="note"
            maxLength={NOTE_MAX}
            autoComplete="off"
          />
        </div>
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" look="primary" data-testid="acknowledge-confirm">
            {t('alerts.acknowledge')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
