// Change of the own password.

import { api } from '../api/endpoints.ts';
import { useText } from '../state/hooks.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { toast } from '../ui/toasts.tsx';

const MIN_PASSWORD = 10;

export function PasswordDialog({ onClose }: { onClose: () => void }) {
  const t = useText();

  // Passwords stay in the fields: the page keeps none of them.
  const submit = (form: FormData): string | Promise<void> => {
    const [current = '', next = '', repeat] = ['current', 'next', 'repeat'].map(
      (name) => form.get(name) as string,
    );
    if (next.length < MIN_PASSWORD) return t('password.tooShort');
    if (next !== repeat) return t('password.mismatch');
    return api.changePassword(current, next).then(() => {
      toast(t('password.saved'));
      onClose();
    });
  };

  return (
    <FormDialog
      title={t('shell.changePassword')}
      submitLabel={t('password.save')}
      onSubmit={submit}
      onClose={onClose}
      testId="password-dialog"
      submitTestId="password-submit"
    >
      <PasswordField name="current" label={t('password.current')} autoComplete="current-password" />
      <PasswordField
        name="next"
        label={t('password.next')}
        autoComplete="new-password"
        hint={t('password.hint')}
      />
      <PasswordField name="repeat" label={t('password.repeat')} autoComplete="new-password" />
    </FormDialog>
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
