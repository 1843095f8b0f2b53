// Asks before something is removed.

import { useState } from 'react';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message } from '../ui/primitives.tsx';

export interface RemoveDialogProps {
  title: string;
  text: string;
  remove: () => Promise<void>;
  onClose: () => void;
  onDone: () => void;
}

export function RemoveDialog({ title, text, remove, onClose, onDone }: RemoveDialogProps) {
  const t = useText();
  const sentence = useErrorSentence();
  const [failure, setFailure] = useState<unknown>(undefined);
  return (
    <Dialog title={title} onClose={onClose} testId="remove-dialog">
      <div className="dialog__body">
        {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
        <p>{text}</p>
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            look="danger"
            onClick={() => void remove().then(onDone, setFailure)}
            data-testid="remove-confirm"
          >
            {t('alerts.remove')}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
