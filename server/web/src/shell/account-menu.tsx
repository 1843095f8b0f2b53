// The menu of the person: role, language, appearance, password, log out.

import { useEffect, useRef, useState } from 'react';
import { useText } from '../state/hooks.ts';
import { logOut, session } from '../state/session.ts';
import { useStore } from '../state/store.ts';
import { Icon } from '../ui/icon.tsx';
import { Button } from '../ui/primitives.tsx';
import { LanguageChoice, ThemeChoice } from './choices.tsx';
import { PasswordDialog } from './password-dialog.tsx';

export function AccountMenu() {
  const t = useText();
  const user = useStore(session, (current) => (current.kind === 'user' ? current.user : undefined));
  const [isOpen, setOpen] = useState(false);
  const [isChanging, setChanging] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    const closeOutside = (event: Event): void => {
      if (event.target instanceof Node && root.current?.contains(event.target) === false) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    document.addEventListener('focusin', closeOutside);
    return () => {
      document.removeEventListener('pointerdown', closeOutside);
      document.removeEventListener('focusin', closeOutside);
    };
  }, [isOpen]);

  if (user === undefined) return null;
  const closeByKey = (key: string): void => {
    if (key !== 'Escape' || !isOpen) return;
    setOpen(false);
    button.current?.focus();
  };
  return (
    <div className="account" ref={root} onKeyDown={(event) => closeByKey(event.key)}>
      <button
        ref={button}
        type="button"
        className="button button--quiet account__button"
        aria-expanded={isOpen}
        aria-controls="account-panel"
        aria-label={t('shell.account')}
        data-testid="account-menu"
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="account" />
        <span className="account__name truncate">{user.username}</span>
      </button>
      {isOpen ? (
        <div className="account__panel" id="account-panel">
          <div className="account__who">
            <strong className="truncate">{user.username}</strong>
            <span className="muted">{t(`shell.role.${user.role}`)}</span>
          </div>
          <div className="field">
            <span className="field__label">{t('shell.language')}</span>
            <LanguageChoice />
          </div>
          <div className="field">
            <span className="field__label">{t('shell.theme')}</span>
            <ThemeChoice />
          </div>
          <div className="account__actions">
            <Button
              onClick={() => {
                setOpen(false);
                setChanging(true);
              }}
            >
              {t('shell.changePassword')}
            </Button>
            <Button onClick={() => void logOut()} data-testid="logout">
              {t('shell.logout')}
            </Button>
          </div>
        </div>
      ) : null}
      {isChanging ? <PasswordDialog onClose={() => setChanging(false)} /> : null}
    </div>
  );
}
