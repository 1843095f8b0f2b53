// The sensors of a site, made from its settings: what they say goes to the rules and to the spool. Part of the composition root.

import type { Logger } from '@sitecast/shared/node/logger';
import type { AgentConfig } from './config.ts';
import type { RuleEngine } from './rules/rule-engine.ts';
import { DemoSensor } from './sensors/demo-sensor.ts';
import { SiteBroker } from './sensors/site-broker.ts';
import type { Outbox } from './uplink/outbox.ts';

export function createSensors(
  { sensors }: Pick<AgentConfig, 'sensors'>,
  outbox: Outbox,
  rules: RuleEngine,
): DemoSensor[] {
  return sensors.map(
    ({ id, source, intervalSeconds }) =>
      new DemoSensor({
        kind: source === 'demo:climate' ? 'climate' : 'power',
        intervalMs: intervalSeconds * 1_000,
        onReading: (reading) => {
          rules.seeReadings(id, [reading]);
          // The outbox counts and logs a failure; there is nobody else to tell.
          void outbox.reading(id, reading).catch(() => {});
        },
      }),
  );
}

export interface SiteBrokerNeeds {
  config: AgentConfig;
  outbox: Outbox;
  rules: RuleEngine;
  logger: Logger;
}

export function createSiteBroker({ config, outbox, rules, logger }: SiteBrokerNeeds): SiteBroker | undefined {
  if (!config.siteBroker) return undefined;
  return new SiteBroker({
    site: config.site,
    config: config.siteBroker,
    reserved: config.sensors.map(({ id }) => id),
    keep: (sensor, readings, how) => {
      rules.seeReadings(sensor, readings);
      return outbox.readings(sensor, readings, how);
    },
    logger,
  });
}
