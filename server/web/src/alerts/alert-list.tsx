// What fires at the moment, first; then what did, newest first.

import { useCallback, useState } from 'react';
import { Link } from 'wouter';
import { alertApi } from '../api/alert-calls.ts';
import type { Alert } from '../api/alert-types.ts';
import { useErrorSentence, useFleet, useMayAct, useSite, useText } from '../state/hooks.ts';
import { Button, Empty, Message, Skeleton } from '../ui/primitives.tsx';
import { AcknowledgeDialog } from './acknowledge-dialog.tsx';
import { AlertCard } from './alert-card.tsx';
import { SilenceDialog } from './silence-dialog.tsx';
import { useReread } from './use-reread.ts';

const FIRING_MAX = 200;
const PAGE_ITEMS = 30;

export function AlertList() {
  const t = useText();
  const sentence = useErrorSentence();
  const site = useSite();
  const changes = useFleet(({ alertChanges }) => alertChanges);
  const readFiring = useCallback(() => alertApi.alerts({ site, state: 'firing', limit: FIRING_MAX }), [site]);
  const { value: firing, failure, reread } = useReread(readFiring, changes);
  const [acknowledging, setAcknowledging] = useState<Alert | undefined>(undefined);
  const [silencing, setSilencing] = useState<{ ruleId: string; ruleName: string } | undefined>(undefined);
  const silence = ({ ruleId, ruleName }: Alert): void => {
    if (ruleId !== null) setSilencing({ ruleId, ruleName });
  };
  return (
    <>
      <DeadLetterWarning />
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      <h2 className="alerts__head">{t('alerts.firing')}</h2>
      {firing === undefined && failure === undefined ? <Skeleton className="table-skeleton" /> : null}
      {firing?.items.length === 0 ? (
        <Empty icon="check" title={t('alerts.noneTitle')}>
          {t('alerts.noneText')}
        </Empty>
      ) : null}
      <ul className="alerts" data-testid="alerts-firing">
        {firing?.items.map((alert) => (
          <AlertCard key={alert.id} alert={alert} onAcknowledge={setAcknowledging} onSilence={silence} />
        ))}
      </ul>
      <History site={site} version={changes} />
      {acknowledging === undefined ? null : (
        <AcknowledgeDialog
          alert={acknowledging}
          onClose={() => setAcknowledging(undefined)}
          onDone={() => {
            setAcknowledging(undefined);
            reread();
          }}
        />
      )}
      {silencing === undefined ? null : (
        <SilenceDialog
          name={silencing.ruleName}
          text={t('alerts.silenceText')}
          silence={(until) => alertApi.silence(silencing.ruleId, until)}
          onClose={() => setSilencing(undefined)}
          onDone={() => setSilencing(undefined)}
        />
      )}
    </>
  );
}

function History({ site, version }: { site: string | undefined; version: number }) {
  const t = useText();
  const [pages, setPages] = useState(1);
  const read = useCallback(
    () => alertApi.alerts({ site, state: 'resolved', limit: PAGE_ITEMS * pages }),
    [site, pages],
  );
  const { value } = useReread(read, version);
  if (value === undefined || value.items.length === 0) return null;
  return (
    <>
      <h2 className="alerts__head">{t('alerts.history')}</h2>
      <ul className="alerts" data-testid="alerts-history">
        {value.items.map((alert) => (
          <AlertCard key={alert.id} alert={alert} />
        ))}
      </ul>
      {value.nextCursor === null || pages * PAGE_ITEMS >= 480 ? null : (
        <Button className="alerts__more" onClick={() => setPages(pages + 1)}>
          {t('common.more')}
        </Button>
      )}
    </>
  );
}

/** Somebody was not told: that must not stand on another tab only. */
function DeadLetterWarning() {
  const t = useText();
  const isOperator = useMayAct('operator');
  const read = useCallback(
    () => (isOperator ? alertApi.deadLetters() : Promise.resolve({ items: [], nextCursor: null })),
    [isOperator],
  );
  const { value } = useReread(read);
  const count = value?.items.length ?? 0;
  if (count === 0) return null;
  return (
    <Message tone="warn">
      {t('alerts.deadWarning', { n: count })} <Link href="/alerts/channels">{t('alerts.deadShow')}</Link>
    </Message>
  );
}
