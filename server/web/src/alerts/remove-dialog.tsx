// Asks before something is removed.

import { useText } from '../state/hooks.ts';
import { FormDialog } from '../ui/form-dialog.tsx';

export interface RemoveDialogProps {
  title: string;
  text: string;
  remove: () => Promise<void>;
  onClose: () => void;
  onDone: () => void;
}

export function RemoveDialog({ title, text, remove, onClose, onDone }: RemoveDialogProps) {
  const t = useText();
  return (
    <FormDialog
      title={title}
      submitLabel={t('alerts.remove')}
      submitLook="danger"
      onSubmit={() => remove().then(onDone)}
      onClose={onClose}
      testId="remove-dialog"
      submitTestId="remove-confirm"
    >
      <p>{text}</p>
    </FormDialog>
  );
}
