// Which camera and which curve are looked at, kept in the address.

import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { useSeriesName } from '../sensors/series-name.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useText } from '../state/hooks.ts';

export interface Chosen {
  camera: string | undefined;
  sensor: string | undefined;
  metric: string | undefined;
}

export interface Filters {
  chosen: Chosen;
  onChoose: (chosen: Partial<Chosen>) => void;
}

export function useFilters(): Filters {
  const [search, setSearch] = useSearchParams();
  const of = (name: keyof Chosen): string | undefined => search.get(name) ?? undefined;
  const chosen = { camera: of('camera'), sensor: of('sensor'), metric: of('metric') };
  const onChoose = (given: Partial<Chosen>): void => {
    const entries = Object.entries({ ...chosen, ...given });
    setSearch(
      Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
      {
        replace: true,
      },
    );
  };
  return { chosen, onChoose };
}

export function TimelineFilters({ site, chosen, onChoose }: Filters & { site: string }) {
  const t = useText();
  const seriesName = useSeriesName();
  const all = useFleet((state) => state.cameras);
  const latest = useFleet((state) => state.latest);
  const sensors = useFleet((state) => state.sensors);
  const cameras = useMemo(
    () =>
      Object.values(all)
        .filter((one) => one.site === site)
        .sort((a, b) => a.name.localeCompare(b.name)),
    [all, site],
  );
  const series = useMemo(
    () =>
      Object.values(latest)
        .filter((one) => one.site === site)
        .sort((a, b) => a.sensor.localeCompare(b.sensor) || a.metric.localeCompare(b.metric)),
    [latest, site],
  );
  const seriesKey = chosen.sensor === undefined ? '' : `${chosen.sensor}/${chosen.metric ?? ''}`;
  const chooseSeries = (key: string): void => {
    const [sensor, metric] = key.split('/');
    onChoose(key === '' ? { sensor: undefined, metric: undefined } : { sensor, metric });
  };
  return (
    <div className="timeline__filters">
      <select
        className="select camera-filter"
        aria-label={t('snapshots.camera')}
        value={chosen.camera ?? ''}
        onChange={({ target }) => onChoose({ camera: target.value === '' ? undefined : target.value })}
      >
        <option value="">{t('snapshots.allCameras')}</option>
        {cameras.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      <select
        className="select camera-filter"
        aria-label={t('timeline.series')}
        value={seriesKey}
        onChange={({ target }) => chooseSeries(target.value)}
      >
        <option value="">{t('timeline.firstSeries')}</option>
        {series.map(({ sensor, metric, label }) => (
          <option key={`${sensor}/${metric}`} value={`${sensor}/${metric}`}>
            {sensors[keyOf(site, sensor)]?.name ?? sensor} · {seriesName({ metric, label })}
          </option>
        ))}
      </select>
    </div>
  );
}
