// A list of the server that is read again now and then, and when something tells that it changed.

import { useCallback, useEffect, useState } from 'react';

const REREAD_MS = 15_000;

export interface Reread<Value> {
  value: Value | undefined;
  failure: unknown;
  reread: () => void;
}

/**
 * @param read must stay the same function while the same thing is read.
 * @param version reads again when it changes.
 */
export function useReread<Value>(read: () => Promise<Value>, version = 0): Reread<Value> {
  const [value, setValue] = useState<Value | undefined>(undefined);
  const [failure, setFailure] = useState<unknown>(undefined);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    let isWanted = true;
    const look = (): void => {
      read().then(
        (found) => {
          if (!isWanted) return;
          setValue(found);
          setFailure(undefined);
        },
        (error: unknown) => {
          if (isWanted) setFailure(error);
        },
      );
    };
    look();
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') look();
    }, REREAD_MS);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [read, version, asked]);
  const reread = useCallback(() => setAsked((times) => times + 1), []);
  return { value, failure, reread };
}
