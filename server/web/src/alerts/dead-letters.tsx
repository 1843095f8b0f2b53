// What could not be delivered: why, and the ways out of it.

import { useCallback, useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { Delivery } from '../api/alert-types.ts';
import { useErrorSentence, useLanguage, useText } from '../state/hooks.ts';
import { Button, Chip, Message } from '../ui/primitives.tsx';
import { Age } from '../ui/time.tsx';
import { useReread } from './use-reread.ts';

export function DeadLetters() {
  const t = useText();
  const sentence = useErrorSentence();
  const read = useCallback(() => alertApi.deadLetters(), []);
  const { value, reread } = useReread(read);
  const [problem, setProblem] = useState<unknown>(undefined);
  const act = (work: Promise<unknown>): void => {
    work.then(() => {
      setProblem(undefined);
      reread();
    }, setProblem);
  };
  if (value === undefined || value.items.length === 0) return null;
  return (
    <section className="alerts__dead" aria-labelledby="dead-letters">
      <h2 className="alerts__head" id="dead-letters">
        {t('alerts.dead')}
      </h2>
      {problem === undefined ? null : <Message tone="bad">{sentence(problem)}</Message>}
      <ul className="alerts" data-testid="dead-letters">
        {value.items.map((delivery) => (
          <DeadLetter
            key={delivery.id}
            delivery={delivery}
            onSend={() => act(alertApi.sendAgain(delivery.id))}
            onRemove={() => act(alertApi.removeDelivery(delivery.id))}
          />
        ))}
      </ul>
    </section>
  );
}

function DeadLetter({
  delivery,
  onSend,
  onRemove,
}: {
  delivery: Delivery;
  onSend: () => void;
  onRemove: () => void;
}) {
  const t = useText();
  const language = useLanguage();
  const { channelName, ruleName, event, attempts, error, createdAt } = delivery;
  return (
    <li className="alert card alert--critical" data-testid="dead-letter">
      <div className="alert__text">
        <p className="alert__names">
          <Chip tone="bad">{t(`alerts.event.${event}`)}</Chip>
          <strong>{channelName}</strong>
          <span className="muted">{ruleName}</span>
        </p>
        {error === null ? null : <p>{language === 'ko' ? error.messageKo : error.message}</p>}
        {error === null || error.detail === null ? null : (
          <p className="muted alert__target">{error.detail}</p>
        )}
        <p className="muted">
          <Age at={createdAt} /> · {t('alerts.attempts', { n: attempts })}
        </p>
        <div className="alert__actions">
          <Button look="primary" onClick={onSend} data-testid="dead-send">
            {t('alerts.sendAgain')}
          </Button>
          <Button onClick={onRemove}>{t('alerts.remove')}</Button>
        </div>
      </div>
    </li>
  );
}
