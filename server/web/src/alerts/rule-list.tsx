// The rules: how each stands, and for administrators the way to change them.

import { useCallback, useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { Rule } from '../api/alert-types.ts';
import { useErrorSentence, useFleet, useMayAct, useSite, useText } from '../state/hooks.ts';
import { Button, Empty, Message, Skeleton } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';
import { RemoveDialog } from './remove-dialog.tsx';
import { RuleCard } from './rule-card.tsx';
import { RuleDialog } from './rule-dialog.tsx';
import { SilenceDialog } from './silence-dialog.tsx';
import { useReread } from './use-reread.ts';

type Open =
  | { kind: 'new' }
  | { kind: 'edit'; rule: Rule }
  | { kind: 'silence'; rule: Rule }
  | { kind: 'remove'; rule: Rule };

export function RuleList() {
  const t = useText();
  const sentence = useErrorSentence();
  const site = useSite();
  const isAdmin = useMayAct('admin');
  const changes = useFleet(({ alertChanges }) => alertChanges);
  const read = useCallback(() => alertApi.rules(), []);
  const { value, failure, reread } = useReread(read, changes);
  const [open, setOpen] = useState<Open | undefined>(undefined);
  const [problem, setProblem] = useState<unknown>(undefined);
  const shown = value?.filter((rule) => site === undefined || rule.site === site);
  const done = (): void => {
    setOpen(undefined);
    setProblem(undefined);
    reread();
  };
  const change = (work: Promise<unknown>, told?: string): void => {
    work.then(() => {
      if (told !== undefined) toast(told);
      done();
    }, setProblem);
  };
  return (
    <>
      <div className="alerts__bar">
        <p className="muted">{t('alerts.rulesLead')}</p>
        {isAdmin ? (
          <Button look="primary" icon="plus" onClick={() => setOpen({ kind: 'new' })} data-testid="rule-add">
            {t('alerts.addRule')}
          </Button>
        ) : null}
      </div>
      {(problem ?? failure) === undefined ? null : (
        <Message tone="bad">{sentence(problem ?? failure)}</Message>
      )}
      {shown === undefined && failure === undefined ? <Skeleton className="table-skeleton" /> : null}
      {shown?.length === 0 ? (
        <Empty icon="alerts" title={t('alerts.noRulesTitle')}>
          {t('alerts.noRulesText')}
        </Empty>
      ) : null}
      <ul className="alerts" data-testid="rules">
        {shown?.map((rule) => (
          <RuleCard
            key={rule.id}
            rule={rule}
            onEdit={() => setOpen({ kind: 'edit', rule })}
            onRemove={() => setOpen({ kind: 'remove', rule })}
            onSilence={() => setOpen({ kind: 'silence', rule })}
            onSpeak={() => change(alertApi.silence(rule.id, null))}
            onTest={() => change(alertApi.testRule(rule.id), t('alerts.tested'))}
            onSwitch={() => change(alertApi.changeRule(rule.id, { enabled: !rule.enabled }))}
          />
        ))}
      </ul>
      {open?.kind === 'new' ? <RuleDialog onClose={() => setOpen(undefined)} onDone={done} /> : null}
      {open?.kind === 'edit' ? (
        <RuleDialog rule={open.rule} onClose={() => setOpen(undefined)} onDone={done} />
      ) : null}
      {open?.kind === 'silence' ? (
        <SilenceDialog
          name={open.rule.name}
          text={t('alerts.silenceText')}
          silence={(until) => alertApi.silence(open.rule.id, until)}
          onClose={() => setOpen(undefined)}
          onDone={done}
        />
      ) : null}
      {open?.kind === 'remove' ? (
        <RemoveDialog
          title={t('alerts.removeRuleTitle', { name: open.rule.name })}
          text={t('alerts.removeRuleText')}
          remove={() => alertApi.removeRule(open.rule.id)}
          onClose={() => setOpen(undefined)}
          onDone={done}
        />
      ) : null}
    </>
  );
}
