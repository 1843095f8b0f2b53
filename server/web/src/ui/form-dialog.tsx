// A dialog with a form: what is wrong, its fields, and the buttons. While it works it cannot be sent again.

import { useState, type FormEvent, type ReactNode } from 'react';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from './dialog.tsx';
import { Button, Message, type ButtonProps } from './primitives.tsx';

export interface FormDialogProps {
  title: string;
  submitLabel: string;
  submitLook?: ButtonProps['look'];
  /** Whoever opened it closes it when this is done. @returns in words what is wrong, or the work; why it fails is told. */
  onSubmit: (fields: FormData) => string | Promise<void>;
  onClose: () => void;
  testId: string;
  submitTestId: string;
  /** Neither Escape nor a click beside it closes it: there is much to lose. */
  isSticky?: boolean;
  children: ReactNode;
}

export function FormDialog(props: FormDialogProps) {
  const { title, submitLabel, submitLook = 'primary', onSubmit, onClose, children } = props;
  const t = useText();
  const sentence = useErrorSentence();
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const work = onSubmit(new FormData(event.currentTarget));
    if (typeof work === 'string') return setProblem(work);
    setBusy(true);
    work.catch((error: unknown) => {
      setProblem(sentence(error));
      setBusy(false);
    });
  };
  return (
    <Dialog title={title} onClose={onClose} testId={props.testId} isSticky={props.isSticky}>
      <form className="dialog__body" onSubmit={submit}>
        {children}
        {problem === undefined ? null : <Message tone="bad">{problem}</Message>}
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" look={submitLook} disabled={isBusy} data-testid={props.submitTestId}>
            {submitLabel}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
