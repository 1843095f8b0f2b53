// The login page.

import { useState, type FormEvent } from 'react';
import { ApiError } from '../api/http.ts';
import { Brand } from '../shell/brand.tsx';
import { LanguageChoice } from '../shell/choices.tsx';
import { useErrorSentence, useText } from '../state/hooks.ts';
import { logIn } from '../state/session.ts';
import { Button, Message } from '../ui/primitives.tsx';

export function LoginPage() {
  const t = useText();
  const sentence = useErrorSentence();
  const [failure, setFailure] = useState<unknown>(undefined);
  const [isBusy, setBusy] = useState(false);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setFailure(undefined);
    logIn(textOf(form.get('username')).trim(), textOf(form.get('password'))).catch((error: unknown) => {
      setFailure(error);
      setBusy(false);
    });
  };

  const isWrong = failure instanceof ApiError && failure.status === 401;
  return (
    <main className="login">
      <div className="login__panel">
        <div className="login__brand">
          <Brand />
          <p className="muted">{t('login.lead')}</p>
        </div>
        <form
          className="card login__form"
          onSubmit={submit}
          data-testid="login-form"
          aria-labelledby="login-title"
        >
          <h1 id="login-title">{t('login.title')}</h1>
          {failure === undefined ? null : (
            <Message tone="bad">{isWrong ? t('login.wrong') : sentence(failure)}</Message>
          )}
          <div className="field">
            <label htmlFor="username">{t('login.username')}</label>
            <input
              className="input"
              id="username"
              name="username"
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              autoFocus
              required
            />
          </div>
          <div className="field">
            <label htmlFor="password">{t('login.password')}</label>
            <input
              className="input"
              id="password"
              name="password"
              type="password"
              autoComplete="current-password"
              required
            />
          </div>
          <Button type="submit" look="primary" className="button--block" disabled={isBusy}>
            {isBusy ? t('login.busy') : t('login.submit')}
          </Button>
          <p className="field__hint">{t('login.firstLogin')}</p>
        </form>
        <div className="login__foot">
          <LanguageChoice />
        </div>
      </div>
    </main>
  );
}

const textOf = (value: FormDataEntryValue | null): string => (typeof value === 'string' ? value : '');
