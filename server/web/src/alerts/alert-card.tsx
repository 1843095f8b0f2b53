// One alert in a list.

import { thumbnailUrl } from '../api/endpoints.ts';
import type { Alert, Severity } from '../api/alert-types.ts';
import { formatDateTime, formatDuration } from '../i18n/format.ts';
import { useLanguage, useMayAct, useText } from '../state/hooks.ts';
import { Button, Chip, type Tone } from '../ui/primitives.tsx';
import { Age } from '../ui/time.tsx';
import { SiteName } from './site-name.tsx';

export const TONES: Record<Severity, Tone> = { info: 'info', warning: 'warn', critical: 'bad' };

export interface AlertCardProps {
  alert: Alert;
  onAcknowledge?: (alert: Alert) => void;
  onSilence?: (alert: Alert) => void;
}

export function AlertCard({ alert, onAcknowledge, onSilence }: AlertCardProps) {
  const t = useText();
  const language = useLanguage();
  const isFiring = alert.state === 'firing';
  return (
    <li
      className={`alert card alert--${isFiring ? alert.severity : 'over'}`}
      data-testid="alert"
      data-alert={alert.id}
    >
      <div className="alert__text">
        <p className="alert__names">
          <Chip tone={isFiring ? TONES[alert.severity] : 'idle'}>
            {t(`alerts.severity.${alert.severity}`)}
          </Chip>
          <strong>{alert.ruleName}</strong>
          <span className="muted">
            <SiteName site={alert.site} />
          </span>
        </p>
        <p>{language === 'ko' ? alert.messageKo : alert.message}</p>
        <p className="alert__when muted">
          {isFiring ? <Age at={alert.firedAt} /> : <Lasted alert={alert} />}
          {alert.acknowledged === null ? null : <Acknowledged acknowledged={alert.acknowledged} />}
        </p>
        {isFiring ? <AlertActions alert={alert} onAcknowledge={onAcknowledge} onSilence={onSilence} /> : null}
      </div>
      {alert.snapshotId === null ? null : (
        <a
          className="alert__picture"
          href={`/api/v1/snapshots/${alert.snapshotId}`}
          target="_blank"
          rel="noreferrer"
        >
          <img src={thumbnailUrl(alert.snapshotId)} alt={t('alerts.snapshot')} loading="lazy" />
        </a>
      )}
    </li>
  );
}

function AlertActions({ alert, onAcknowledge, onSilence }: AlertCardProps) {
  const t = useText();
  const isOperator = useMayAct('operator');
  if (!isOperator) return null;
  return (
    <div className="alert__actions">
      {alert.acknowledged === null ? (
        <Button look="primary" onClick={() => onAcknowledge?.(alert)} data-testid="alert-acknowledge">
          {t('alerts.acknowledge')}
        </Button>
      ) : null}
      {alert.ruleId === null ? null : (
        <Button onClick={() => onSilence?.(alert)}>{t('alerts.silence')}</Button>
      )}
    </div>
  );
}

function Lasted({ alert: { firedAt, resolvedAt, endReason } }: { alert: Alert }) {
  const t = useText();
  const language = useLanguage();
  const lastedMs = Date.parse(resolvedAt ?? firedAt) - Date.parse(firedAt);
  return (
    <span>
      <time className="numeric" dateTime={firedAt}>
        {formatDateTime(firedAt, language)}
      </time>
      {' · '}
      {t('alerts.lasted', { duration: formatDuration(lastedMs, language) })}
      {endReason === null || endReason === 'cleared' ? '' : ` · ${t(`alerts.end.${endReason}`)}`}
    </span>
  );
}

function Acknowledged({ acknowledged }: { acknowledged: NonNullable<Alert['acknowledged']> }) {
  const t = useText();
  const { by, note } = acknowledged;
  return (
    <span>
      {t('alerts.acknowledgedBy', { by })}
      {note === null ? '' : `: ${note}`}
    </span>
  );
}
