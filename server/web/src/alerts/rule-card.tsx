// One rule in the list.

import type { Rule } from '../api/alert-types.ts';
import { formatDateTime } from '../i18n/format.ts';
import { useLanguage, useMayAct, useText } from '../state/hooks.ts';
import { useNow } from '../state/store.ts';
import { Button, Chip } from '../ui/primitives.tsx';
import { TONES } from './alert-card.tsx';
import { SiteName } from './site-name.tsx';
import { useRuleSentence } from './rule-sentence.ts';

export interface RuleCardProps {
  rule: Rule;
  onEdit: () => void;
  onRemove: () => void;
  onSilence: () => void;
  onSpeak: () => void;
  onTest: () => void;
  onSwitch: () => void;
}

const SUBJECTS_SHOWN = 5;

export function RuleCard(props: RuleCardProps) {
  const { rule } = props;
  const t = useText();
  const language = useLanguage();
  const sentence = useRuleSentence();
  const isSilenced = useIsSilenced(rule);
  return (
    <li className="alert card" data-testid="rule" data-rule={rule.id}>
      <div className="alert__text">
        <p className="alert__names">
          <StateChip rule={rule} />
          <strong>{rule.name}</strong>
          <span className="muted">
            <SiteName site={rule.site} />
          </span>
        </p>
        <p>{sentence(rule)}</p>
        {rule.subjects.length === 0 ? null : (
          <p className="muted">
            {rule.subjects
              .slice(0, SUBJECTS_SHOWN)
              .map(({ subject }) => subject)
              .join(', ')}
            {rule.subjects.length > SUBJECTS_SHOWN ? ', …' : ''}
          </p>
        )}
        {isSilenced && rule.silencedUntil !== null ? (
          <p className="muted">
            {t('alerts.silencedUntil', {
              time: formatDateTime(rule.silencedUntil, language),
              by: rule.silencedBy ?? '',
            })}
          </p>
        ) : null}
        <RuleActions {...props} isSilenced={isSilenced} />
      </div>
    </li>
  );
}

function useIsSilenced({ silencedUntil }: Rule): boolean {
  const now = useNow();
  return silencedUntil !== null && Date.parse(silencedUntil) > now;
}

function StateChip({ rule }: { rule: Rule }) {
  const t = useText();
  if (!rule.enabled) return <Chip tone="idle">{t('alerts.state.off')}</Chip>;
  const tone = rule.state === 'firing' ? TONES[rule.severity] : rule.state === 'pending' ? 'info' : 'ok';
  return <Chip tone={tone}>{t(`alerts.state.${rule.state}`)}</Chip>;
}

function RuleActions({
  rule,
  isSilenced,
  onEdit,
  onRemove,
  onSilence,
  onSpeak,
  onTest,
  onSwitch,
}: RuleCardProps & { isSilenced: boolean }) {
  const t = useText();
  const [isOperator, isAdmin] = [useMayAct('operator'), useMayAct('admin')];
  if (!isOperator) return null;
  return (
    <div className="alert__actions">
      {isSilenced ? (
        <Button onClick={onSpeak}>{t('alerts.speak')}</Button>
      ) : (
        <Button onClick={onSilence}>{t('alerts.silence')}</Button>
      )}
      {isAdmin ? (
        <>
          <Button onClick={onEdit} data-testid="rule-edit">
            {t('alerts.edit')}
          </Button>
          {rule.channels.length === 0 ? null : (
            <Button onClick={onTest} data-testid="rule-test">
              {t('alerts.test')}
            </Button>
          )}
          <Button onClick={onSwitch}>{t(rule.enabled ? 'alerts.switchOff' : 'alerts.switchOn')}</Button>
          <Button look="danger" onClick={onRemove} data-testid="rule-remove">
            {t('alerts.remove')}
          </Button>
        </>
      ) : null}
    </div>
  );
}
