// A device that speaks another project's language below a topic of its own: all that it says stays under its own sensor id.

import { toMetric } from './names.ts';
import type { Content } from './rule.ts';
import type { Mapping, MappedReadings, SensorMapper } from './sensor-mapper.ts';

export interface OwnMessage {
  /** Id of the device. */
  sensor: string;
  /** What comes behind its own prefix: `events/rpc`, `tele/SENSOR`, `zigbee2mqtt/kitchen`. */
  topic: string;
  payload: Uint8Array;
  arrivalMs: number;
  /** What else is known of the units. */
  unitOf?: Content['unitOf'];
}

/**
 * Readings of the device itself keep their metrics; those of a device behind it, as of a bridge, get its id in front:
 * `kitchen.temperature`. Never throws.
 */
export function mapOwnTopic(
  mapper: SensorMapper,
  { sensor, topic, payload, arrivalMs, unitOf }: OwnMessage,
): Mapping {
  const mapping = mapper.map(topic, payload, arrivalMs, unitOf);
  if (mapping.kind === 'readings') return mapping.sensor === sensor ? mapping : behind(sensor, mapping);
  // The prefix stands for what the device would have put first: `{device}/events/rpc`.
  const isUnknown = mapping.kind === 'refused' && mapping.rule === undefined;
  const own = isUnknown ? mapper.map(`${sensor}/${topic}`, payload, arrivalMs, unitOf) : mapping;
  return own.kind === 'readings' && own.sensor !== sensor ? behind(sensor, own) : own;
}

function behind(sensor: string, mapping: MappedReadings): MappedReadings {
  const rename = (metric: string): string => toMetric(`${mapping.sensor}.${metric}`);
  const renamed = <T>(byMetric: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(byMetric).map(([metric, value]) => [rename(metric), value]));
  return {
    ...mapping,
    sensor,
    readings: mapping.readings.map(({ tsMs, values }) => ({ tsMs, values: renamed(values) })),
    units: renamed(mapping.units),
    leftOut: mapping.leftOut.map(({ metric, reason }) => ({ metric: rename(metric), reason })),
  };
}
