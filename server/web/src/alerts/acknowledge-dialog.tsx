// Takes an alert on, with a note for the others.

import { useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { Alert } from '../api/alert-types.ts';
import { useText } from '../state/hooks.ts';
import { Entry } from '../ui/fields.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
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
  const [note, setNote] = useState('');
  const submit = (): Promise<void> =>
    alertApi.acknowledge(alert.id, note.trim() === '' ? null : note.trim()).then(() => {
      toast(t('alerts.acknowledged'));
      onDone();
    });
  return (
    <FormDialog
      title={t('alerts.acknowledge')}
      submitLabel={t('alerts.acknowledge')}
      onSubmit={submit}
      onClose={onClose}
      testId="acknowledge-dialog"
      submitTestId="acknowledge-confirm"
    >
      <p>{t('alerts.acknowledgeText')}</p>
      <Entry label={t('alerts.note')} value={note} onChange={setNote} name="note" maxLength={NOTE_MAX} />
    </FormDialog>
  );
}
