// The fields of the editor that belong to one kind of rule.

import { FORECAST_WINDOWS_HOURS, PRESSURES } from '../api/alert-types.ts';
import { formatDuration } from '../i18n/format.ts';
import { useFleet, useLanguage, useText } from '../state/hooks.ts';
import { Choice, Entry, Options } from '../ui/fields.tsx';
import type { RuleFieldsProps } from './rule-form.ts';

const HOUR_MS = 3_600_000;

export function RuleConditionFields(props: RuleFieldsProps) {
  switch (props.form.kind) {
    case 'threshold':
      return <ThresholdFields {...props} />;
    case 'missing':
      return (
        <>
          <SensorChoice {...props} />
          <MetricEntry {...props} isOptional />
        </>
      );
    case 'camera-offline':
      return <CameraChoice {...props} />;
    case 'agent-offline':
      return <AgentChoice {...props} />;
    case 'disk-forecast':
      return <DiskFields {...props} />;
    case 'pressure':
      return <LevelChoice {...props} />;
  }
}

function ThresholdFields(props: RuleFieldsProps) {
  const { form, change } = props;
  const t = useText();
  return (
    <>
      <SensorChoice {...props} />
      <MetricEntry {...props} />
      <Options
        label={t('alerts.field.direction')}
        value={form.direction}
        options={(['above', 'below'] as const).map((value) => ({
          value,
          label: t(`alerts.direction.${value}`),
        }))}
        onChoose={(direction) => change({ direction })}
      />
      <div className="field-pair">
        <Entry
          label={t('alerts.field.limit')}
          value={form.limit}
          onChange={(limit) => change({ limit })}
          inputMode="text"
          name="limit"
        />
        <Entry
          label={t('alerts.field.clearAt')}
          value={form.clearAt}
          onChange={(clearAt) => change({ clearAt })}
          inputMode="text"
        />
      </div>
    </>
  );
}

function SensorChoice({ form, change }: RuleFieldsProps) {
  const t = useText();
  const sensors = useFleet((state) => state.sensors);
  const ofSite = Object.values(sensors).filter(({ site }) => site === form.site);
  const isKnown = form.sensor === '' || ofSite.some(({ id }) => id === form.sensor);
  return (
    <Choice
      label={t('alerts.field.sensor')}
      value={form.sensor}
      onChange={(sensor) => change({ sensor })}
      options={[
        { value: '', label: t('alerts.every.sensor') },
        ...(isKnown ? [] : [{ value: form.sensor, label: form.sensor }]),
        ...ofSite.map(({ id, name }) => ({ value: id, label: name ?? id })),
      ]}
    />
  );
}

function MetricEntry({ form, change, isOptional }: RuleFieldsProps & { isOptional?: boolean }) {
  const t = useText();
  const latest = useFleet((state) => state.latest);
  const metrics = Object.values(latest)
    .filter(({ site, sensor }) => site === form.site && (form.sensor === '' || sensor === form.sensor))
    .map(({ metric }) => metric);
  return (
    <Entry
      label={t(isOptional === true ? 'alerts.field.anyMetric' : 'alerts.field.metric')}
      value={form.metric}
      onChange={(metric) => change({ metric })}
      suggestions={[...new Set(metrics)].sort().map((value) => ({ value }))}
      maxLength={63}
      name="metric"
    />
  );
}

function CameraChoice({ form, change }: RuleFieldsProps) {
  const t = useText();
  const cameras = useFleet((state) => state.cameras);
  const ofSite = Object.values(cameras).filter(({ site }) => site === form.site);
  return (
    <Choice
      label={t('alerts.field.camera')}
      value={form.camera}
      onChange={(camera) => change({ camera })}
      options={[
        { value: '', label: t('alerts.every.camera') },
        ...ofSite.map(({ id, name }) => ({ value: id, label: name })),
      ]}
    />
  );
}

function AgentChoice({ form, change }: RuleFieldsProps) {
  const t = useText();
  const agents = useFleet((state) => state.agents);
  const ofSite = Object.values(agents).filter(({ site }) => site === form.site);
  return (
    <Choice
      label={t('alerts.field.agent')}
      value={form.agent}
      onChange={(agent) => change({ agent })}
      options={[
        { value: '', label: t('alerts.every.agent') },
        ...ofSite.map(({ id, name }) => ({ value: id, label: name ?? id })),
      ]}
    />
  );
}

function DiskFields(props: RuleFieldsProps) {
  const { form, change } = props;
  const t = useText();
  const language = useLanguage();
  return (
    <>
      {form.site === '' ? null : <AgentChoice {...props} />}
      <div className="field-pair">
        <Entry
          label={t('alerts.field.withinDays')}
          value={form.withinDays}
          onChange={(withinDays) => change({ withinDays })}
          inputMode="decimal"
        />
        <Choice
          label={t('alerts.field.window')}
          value={form.windowHours}
          onChange={(windowHours) => change({ windowHours })}
          options={FORECAST_WINDOWS_HOURS.map((hours) => ({
            value: String(hours),
            label: formatDuration(hours * HOUR_MS, language),
          }))}
        />
      </div>
    </>
  );
}

function LevelChoice({ form, change }: RuleFieldsProps) {
  const t = useText();
  return (
    <Options
      label={t('alerts.field.level')}
      value={form.level}
      options={PRESSURES.map((value) => ({ value, label: t(`system.level.${value}`) }))}
      onChoose={(level) => change({ level })}
    />
  );
}
