// Silences a rule, or a whole site, for a while.

import { useState, type ReactNode } from 'react';
import { useText } from '../state/hooks.ts';
import { Options } from '../ui/fields.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { toast } from '../ui/toasts.tsx';

const HOUR_MS = 3_600_000;
const HOURS = ['1', '4', '24', '168'] as const;

export interface SilenceDialogProps {
  /** Of what is silenced. */
  name: string;
  text: string;
  silence: (until: Date) => Promise<unknown>;
  onClose: () => void;
  onDone: () => void;
  /** What else is asked. */
  children?: ReactNode;
}

export function SilenceDialog({ name, text, silence, onClose, onDone, children }: SilenceDialogProps) {
  const t = useText();
  const [hours, setHours] = useState<(typeof HOURS)[number]>('4');
  const submit = (): Promise<void> =>
    silence(new Date(Date.now() + Number(hours) * HOUR_MS)).then(() => {
      toast(t('alerts.silenced', { name }));
      onDone();
    });
  return (
    <FormDialog
      title={t('alerts.silenceTitle', { name })}
      submitLabel={t('alerts.silence')}
      onSubmit={submit}
      onClose={onClose}
      testId="silence-dialog"
      submitTestId="silence-confirm"
    >
      <p>{text}</p>
      {children}
      <Options
        label={t('alerts.silenceFor')}
        value={hours}
        options={HOURS.map((value) => ({ value, label: t(`alerts.hours.${value}`) }))}
        onChoose={setHours}
      />
    </FormDialog>
  );
}
