// What takes readings in, and answers with them; devices that speak the language of another project.

import type { AlertFeed } from './alerts/alert-feed.ts';
import type { UpdateHub } from './fleet/updates.ts';
import { DiscoveredValues } from './foreign/discovered-values.ts';
import { ForeignIntake } from './foreign/foreign-intake.ts';
import { UnmappedSamples } from './foreign/unmapped-samples.ts';
import type { Database } from './postgres/pool.ts';
import type { ClockTrust } from './retention/clock-trust.ts';
import { LatestValues } from './telemetry/latest-values.ts';
import { Partitions } from './telemetry/partitions.ts';
import { ReadingBatcher } from './telemetry/reading-batcher.ts';
import { Rollups } from './telemetry/rollups.ts';
import { SeriesCatalogue } from './telemetry/series-catalogue.ts';
import { TelemetryExports } from './telemetry/telemetry-exports.ts';
import { TelemetryQueries } from './telemetry/telemetry-query.ts';
import { TelemetryStore } from './telemetry/telemetry-store.ts';
import { TierRetention } from './telemetry/tier-retention.ts';
import type { Opening } from './app-opening.ts';

export async function openTelemetry(
  { config, lifetime, logger }: Opening,
  database: Database,
  { updates, feed, clockTrust }: { updates: UpdateHub; feed: AlertFeed; clockTrust: ClockTrust },
) {
  const partitions = lifetime.own('partitions', new Partitions({ database, logger }));
  await partitions.start();
  const rollups = lifetime.own('rollups', new Rollups({ database, partitions, logger }));
  rollups.start();
  const { retention: kept } = config;
  const tierRetention = new TierRetention({ database, partitions, kept, clockTrust, logger });
  lifetime.own('retention of readings', tierRetention).start();
  const latest = new LatestValues();
  await latest.load(database);
  const catalogue = new SeriesCatalogue({ database });
  const readings = new ReadingBatcher({
    catalogue,
    store: new TelemetryStore({ database, partitions }),
    latest,
    lateMaxDays: kept.rawDays,
    onRows: (rows) => feed.heard(rows),
    onStored: (values) => updates.publish({ type: 'readings', values }),
  });
  lifetime.own('readings', readings);
  const queries = new TelemetryQueries({ database });
  return {
    latest,
    catalogue,
    readings,
    rollups,
    tierRetention,
    queries,
    exports: new TelemetryExports({ database }),
    ...(await openForeign(database)),
  };
}

/** Devices that speak the language of another project. */
async function openForeign(database: Database) {
  const samples = new UnmappedSamples();
  const discovered = new DiscoveredValues(database);
  await discovered.load();
  return { samples, discovered, foreign: new ForeignIntake({ samples, discovered }) };
}
