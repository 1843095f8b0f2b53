// A modal dialog on the browser's own <dialog>: focus starts in its body and stays inside, Escape closes, focus returns to
// where it was.

import { useId, useLayoutEffect, useRef, type KeyboardEvent, type MouseEvent, type ReactNode } from 'react';
import { useText } from '../state/hooks.ts';
import { Button } from './primitives.tsx';

export interface DialogProps {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  className?: string;
  testId?: string;
  onKeyDown?: (event: KeyboardEvent) => void;
  /** Neither Escape nor a click beside the dialog closes it: what it shows would be lost. */
  isSticky?: boolean;
}

/** Not the button that closes: who presses Enter wants to begin, not to leave. */
const FIRST_IN_BODY = '.dialog__body :is(input, button)';

export function Dialog({
  title,
  onClose,
  children,
  className = '',
  testId,
  onKeyDown,
  isSticky,
}: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const t = useText();

  useLayoutEffect(() => {
    const dialog = element.current;
    if (dialog === null || dialog.open) return;
    dialog.showModal();
    dialog.querySelector<HTMLElement>(FIRST_IN_BODY)?.focus();
    return () => dialog.close();
  }, []);

  const closeFromBeside = (event: MouseEvent): void => {
    if (event.target === element.current && isSticky !== true) onClose();
  };

  return (
    <dialog
      ref={element}
      className={`dialog ${className}`}
      aria-labelledby={titleId}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        if (isSticky !== true) onClose();
      }}
      onClose={() => {
        // A browser closes at the second Escape in a row whatever the page says.
        if (element.current?.open === false) element.current.showModal();
      }}
      onClick={closeFromBeside}
      onKeyDown={onKeyDown}
    >
      <header className="dialog__head">
        <h2 id={titleId} className="truncate">
          {title}
        </h2>
        <Button look="quiet" icon="close" iconOnlyLabel={t('common.close')} onClick={onClose} />
      </header>
      {children}
    </dialog>
  );
}
