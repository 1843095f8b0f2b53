// What the server carries, against its limits, on one card.

import { Link } from 'wouter';
import { formatBytes } from '../i18n/format.ts';
import { isTextKey } from '../i18n/language.ts';
import { useFleet, useText, type Translate } from '../state/hooks.ts';
import { Chip, Meter, Skeleton, type Tone } from '../ui/primitives.tsx';
import { figuresOf, fractionOf, type Figure, type SystemFigures } from './figures.ts';

const TONES: Record<string, Tone> = { normal: 'ok', elevated: 'info', high: 'warn', critical: 'bad' };

export function LevelChip({ level }: { level: string }) {
  const t = useText();
  return (
    <span data-testid="system-level" data-level={level}>
      <Chip tone={TONES[level] ?? 'idle'}>{nameOf(t, 'system.level', level)}</Chip>
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
      <Shedding steps={figures.shedding} />
      {figures.cpuWarning === undefined ? null : (
        <p className="figures__note">
          <strong>{t('system.cpu')}</strong> {t(`system.cpu.${figures.cpuWarning}`)}
        </p>
      )}
    </div>
  );
}

function Shedding({ steps }: { steps: string[] }) {
  const t = useText();
  if (steps.length === 0) return null;
  return (
    <div className="figures__note" role="status" data-testid="shedding">
      <strong>{t('system.shedding')}</strong>
      <ul>
        {steps.map((step) => (
          <li key={step}>{nameOf(t, 'system.shedding', step)}</li>
        ))}
      </ul>
    </div>
  );
}

/** A newer server may know names that this page does not: they are shown as they are. */
export function nameOf(t: Translate, group: string, name: string): string {
  const key = `${group}.${name}`;
  return isTextKey(key) ? t(key) : name;
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
        <strong>{figure.value === undefined ? '–' : format(figure.value)}</strong>
        {figure.max === undefined ? null : <span className="muted">/{format(figure.max)}</span>}
      </span>
      {figure.max === undefined ? null : (
        <Meter label={name} fraction={fractionOf(figure)} isCalm={isCalm === true} />
      )}
    </div>
  );
}
