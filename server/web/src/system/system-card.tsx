// What the server carries, against its limits, on one card.

import { Link } from 'wouter';
import { formatBytes } from '../i18n/format.ts';
import { isTextKey } from '../i18n/language.ts';
import { useFleet, useText, type Translate } from '../state/hooks.ts';
import { Chip, Meter, Skeleton, type Tone } from '../ui/primitives.tsx';
import { figuresOf, fractionOf, type Figure, type SystemFigures } from './figures.ts';

const TONES: Record<string, Tone> = { normal: 'ok', elevated: 'info', high: 'warn', critical: 'bad' };

function LevelChip({ level }: { level: string }) {
  const t = useText();
  const key = `system.level.${level}`;
  return (
    <span data-testid="system-level" data-level={level}>
      <Chip tone={TONES[level] ?? 'idle'}>{isTextKey(key) ? t(key) : level}</Chip>
    </span>
  );
}

export function SystemCard({ title }: { title?: string }) {
  const t = useText();
  const report = useFleet((state) => state.system);
  const isLoaded = useFleet((state) => state.isLoaded);
  const figures = report === undefined ? undefined : figuresOf(report);
  return (
    <section className="card" data-testid="system-card">
      <div className="card__head">
        <h2>{title ?? t('system.title')}</h2>
        {figures === undefined ? (
          <Link href="/system" className="card__link">
            {t('nav.system')}
          </Link>
        ) : (
          <Link href="/system" className="card__link" aria-label={t('system.title')}>
            <LevelChip level={figures.level} />
          </Link>
        )}
      </div>
      <div className="card__body">
        {figures === undefined ? (
          isLoaded ? (
            <p className="muted">{t('system.unavailable')}</p>
          ) : (
            <Skeleton className="system-skeleton" />
          )
        ) : (
          <Figures figures={figures} t={t} />
        )}
      </div>
    </section>
  );
}

function Figures({ figures, t }: { figures: SystemFigures; t: Translate }) {
  return (
    <div className="figures">
      <Row name={t('system.streams')} figure={figures.streams} isCalm testId="streams-count" />
      <Row name={t('system.viewers')} figure={figures.viewers} testId="viewers-count" />
      <Row name={t('system.queue')} figure={figures.queue} testId="queue-count" />
      <Row name={t('system.memory')} figure={figures.memory} format={formatBytes} testId="memory-figure" />
      <Row name={t('system.pool')} figure={figures.pool} testId="pool-count" />
      {figures.eventLoopMs === undefined ? null : (
        <Row
          name={t('system.eventLoop')}
          figure={{ value: figures.eventLoopMs, max: undefined }}
          format={(ms) => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`}
          testId="event-loop"
        />
      )}
    </div>
  );
}

interface RowProps {
  name: string;
  figure: Figure;
  format?: (value: number) => string;
  testId: string;
  isCalm?: boolean;
}

function Row({ name, figure, format = String, testId, isCalm }: RowProps) {
  return (
    <div className="figures__row">
      <span className="figures__name">{name}</span>
      <span className="figures__value numeric" data-testid={testId}>
        <strong>{format(figure.value)}</strong>
        {figure.max === undefined ? null : <span className="muted">/{format(figure.max)}</span>}
      </span>
      {figure.max === undefined ? null : (
        <Meter label={name} fraction={fractionOf(figure)} isCalm={isCalm === true} />
      )}
    </div>
  );
}
