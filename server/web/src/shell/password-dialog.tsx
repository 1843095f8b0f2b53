// Change of the own password.

import { useState, type FormEvent } from 'react';
import { api } from '../api/endpoints.ts';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Button, Message } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';

const MIN_PASSWORD = 10;

export function PasswordDialog({ onClose }: { onClose: () => void }) {
  const t = useText();
  const sentence = useErrorSentence();
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [current, next, repeat] = ['current', 'next', 'repeat'].map((name) => form.get(name) as string);
    if (current === undefined || next === undefined) return;
    if (next.length < MIN_PASSWORD) return setProblem(t('password.tooShort'));
    if (next !== repeat) return setProblem(t('password.mismatch'));
    setBusy(true);
    api.changePassword(current, next).then(
      () => {
        toast(t('password.saved'));
        onClose();
      },
      (error: unknown) => {
        setProblem(sentence(error));
        setBusy(false);
      },
    );
  };

  return (
    <Dialog title={t('shell.changePassword')} onClose={onClose}>
      <form className="dialog__body" onSubmit={submit}>
        {problem === undefined ? null : <Message tone="bad">{problem}</Message>}
        <PasswordField name="current" label={t('password.current')} autoComplete="current-password" />
        <PasswordField
          name="next"
          label={t('password.next')}
          autoComplete="new-password"
          hint={t('password.hint')}
        />
        <PasswordField name="repeat" label={t('password.repeat')} autoComplete="new-password" />
        <div className="dialog__foot">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" look="primary" disabled={isBusy}>
            {t('password.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function PasswordField(props: { name: string; label: string; autoComplete: string; hint?: string }) {
  const id = `password-${props.name}`;
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      <input
        className="input"
        id={id}
        name={props.name}
        type="password"
        autoComplete={props.autoComplete}
        aria-describedby={props.hint === undefined ? undefined : `${id}-hint`}
        required
      />
      {props.hint === undefined ? null : (
        <span className="field__hint" id={`${id}-hint`}>
          {props.hint}
        </span>
      )}
    </div>
  );
}
