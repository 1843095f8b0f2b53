// The newest values in the side column.

import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { Link } from 'wouter';
import { formatValue } from '../i18n/format.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useLanguage, useText } from '../state/hooks.ts';
import { Age } from '../ui/time.tsx';
import { Skeleton } from '../ui/primitives.tsx';
import { useSeriesName } from './series-name.ts';
import { useLatestValues } from './use-latest.ts';

const SHOWN = 8;

export function SensorList() {
  const t = useText();
  const values = useLatestValues();
  const isLoaded = useFleet((state) => state.isLoaded);
  return (
    <section className="card">
      <div className="card__head">
        <h2>{t('sensors.title')}</h2>
        <Link href="/sensors" className="card__link">
          {t('sensors.all')}
        </Link>
      </div>
      {values.length > 0 ? (
        <ul className="readings">
          {values.slice(0, SHOWN).map((value) => (
            <Row key={keyOf(value.site, value.sensor, value.metric)} value={value} />
          ))}
        </ul>
      ) : (
        <div className="card__body">
          {isLoaded ? (
            <p className="muted">{t('sensors.emptyText')}</p>
          ) : (
            <Skeleton className="readings-skeleton" />
          )}
        </div>
      )}
    </section>
  );
}

function Row({ value }: { value: LatestValue }) {
  const language = useLanguage();
  const seriesName = useSeriesName();
  const name = useFleet((state) => state.sensors[keyOf(value.site, value.sensor)]?.name ?? value.sensor);
  return (
    <li className="readings__row" data-testid="sensor-row">
      <span className="readings__name">
        <span className="truncate">{seriesName(value)}</span>
        <span className="truncate muted">
          {name} · <Age at={value.ts} />
        </span>
      </span>
      <span className="readings__value numeric">
        {formatValue(value.value, language)} <small>{value.unit}</small>
      </span>
    </li>
  );
}
