// All series of the chosen site as cards.

import { useState } from 'react';
import { Link } from 'wouter';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useMayAct, useText } from '../state/hooks.ts';
import { Empty, Segments, Skeleton } from '../ui/primitives.tsx';
import { SensorCard } from './sensor-card.tsx';
import { RANGES, type Range } from './series.ts';
import { UnmappedMessages } from './unmapped.tsx';
import { useLatestValues } from './use-latest.ts';

export function SensorsPage() {
  const t = useText();
  const isLoaded = useFleet((state) => state.isLoaded);
  const isAdmin = useMayAct('admin');
  const isOperator = useMayAct('operator');
  const values = useLatestValues();
  const [range, setRange] = useState<Range>('15m');
  return (
    <section aria-labelledby="sensors-title">
      <div className="page-head">
        <h1 id="sensors-title">{t('sensors.title')}</h1>
        <Segments
          label={t('sensors.range')}
          value={range}
          options={RANGES.map((value) => ({ value, label: t(`sensors.range.${value}`) }))}
          onChoose={setRange}
        />
      </div>
      {isLoaded && values.length === 0 ? (
        <Empty
          icon="sensors"
          title={t('sensors.emptyTitle')}
          action={
            isAdmin ? (
              <Link href="/devices" className="button button--primary">
                {t('devices.add')}
              </Link>
            ) : undefined
          }
        >
          {t('sensors.emptyText')}
        </Empty>
      ) : null}
      <div className="sensors">
        {isLoaded
          ? values.map((value) => (
              <SensorCard key={keyOf(value.site, value.sensor, value.metric)} value={value} range={range} />
            ))
          : ['a', 'b', 'c'].map((key) => <Skeleton key={key} className="sensor-skeleton" />)}
      </div>
      {isOperator ? <UnmappedMessages /> : null}
    </section>
  );
}
