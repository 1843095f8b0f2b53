// Silences a rule for a while.

import { useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { Rule } from '../api/alert-types.ts';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message, Segments } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';

const HOUR_MS = 3_600_000;
const HOURS = ['1', '4', '24', '168'] as const;
type Hours = (typeof HOURS)[number];

export function SilenceDialog({
  rule,
  onClose,
  onDone,
}: {
  rule: Pick<Rule, 'id' | 'name'>;
  onClose: () => void;
  onDone: () => void;
}) {
  const t = useText();
  const sentence = useErrorSentence();
  const [hours, setHours] = useState<Hours>('4');
  const [failure, setFailure] = useState<unknown>(undefined);
  const silence = (): void => {
    alertApi.silence(rule.id, new Date(Date.now() + Number(hours) * HOUR_MS)).then(() => {
      toast(t('alerts.silenced', { name: rule.name }));
      onDone();
    }, setFailure);
  };
  return (
    <Dialog title={t('alerts.silenceTitle', { name: rule.name })} onClose={onClose} testId="silence-dialog">
      <div className="dialog__body">
        {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
        <p>{t('alerts.silenceText')}</p>
        <Segments
          label={t('alerts.silenceFor')}
          value={hours}
          options={HOURS.map((value) => ({ value, label: t(`alerts.hours.${value}`) }))}
          onChoose={setHours}
        />
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button look="primary" onClick={silence} data-testid="silence-confirm">
            {t('alerts.silence')}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
