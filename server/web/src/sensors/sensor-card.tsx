// One series: its newest value, and its course over the chosen range.

import { useState } from 'react';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { formatDateTime, formatValue } from '../i18n/format.ts';
import { keyOf } from '../state/fleet.ts';
import { useErrorSentence, useFleet, useLanguage, useSiteName, useText } from '../state/hooks.ts';
import { Age } from '../ui/time.tsx';
import { Message, Skeleton } from '../ui/primitives.tsx';
import { Chart, type ChartPoint } from './chart.tsx';
import { useSeriesName } from './series-name.ts';
import { extentOf, type Range } from './series.ts';
import { useHistory, type History } from './use-series.ts';

export function SensorCard({ value, range }: { value: LatestValue; range: Range }) {
  const t = useText();
  const language = useLanguage();
  const seriesName = useSeriesName();
  const sentence = useErrorSentence();
  const siteName = useSiteName(value.site);
  const name = useFleet((state) => state.sensors[keyOf(value.site, value.sensor)]?.name ?? value.sensor);
  const history = useHistory(value, range);
  const [point, setPoint] = useState<ChartPoint | undefined>(undefined);
  const label = t('sensors.chartOf', {
    name,
    metric: seriesName(value),
    range: t(`sensors.range.${range}`),
  });
  const isEmpty = history.isLoaded && history.columns.values.length === 0;
  return (
    <article
      className="card sensor"
      data-testid="sensor-card"
      data-series={keyOf(value.site, value.sensor, value.metric)}
    >
      <div className="sensor__head">
        <div className="sensor__names">
          <h2 className="truncate">{seriesName(value)}</h2>
          <p className="truncate muted">
            {name} · {siteName}
          </p>
        </div>
        <div className="sensor__now">
          <span className="sensor__value numeric" data-testid="sensor-value" data-ts={value.ts}>
            {formatValue(value.value, language)}
            <small>{value.unit}</small>
          </span>
          <span className="sensor__age muted">
            <Age at={value.ts} />
          </span>
        </div>
      </div>
      <div className="sensor__chart">
        {history.isLoaded ? <Chart history={history} label={label} onPoint={setPoint} /> : null}
        {!history.isLoaded && history.failure === undefined ? <Skeleton className="chart-skeleton" /> : null}
        {isEmpty ? <p className="sensor__empty muted">{t('sensors.noHistory')}</p> : null}
        {!history.isLoaded && history.failure !== undefined ? (
          <Message tone="bad">{sentence(history.failure)}</Message>
        ) : null}
      </div>
      <p className="sensor__foot numeric muted">
        {point === undefined ? (
          <Extent history={history} unit={value.unit} />
        ) : (
          `${formatDateTime(point.atMs, language)}  ${formatValue(point.value, language)} ${value.unit ?? ''}`
        )}
      </p>
    </article>
  );
}

function Extent({ history, unit }: { history: History; unit: string | null }) {
  const t = useText();
  const language = useLanguage();
  const extent = extentOf(history.columns);
  if (extent === undefined) return <>–</>;
  const words = (value: number): string => `${formatValue(value, language)} ${unit ?? ''}`.trim();
  return <>{t('sensors.minmax', { min: words(extent.min), max: words(extent.max) })}</>;
}
