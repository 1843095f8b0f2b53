import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readLimitsConfig } from '../src/config.ts';
import { limitRows } from '../src/limits.ts';
import { growingFields } from './support/growing-fields.ts';

const SOURCES = { '': sources('../src'), 'shared/': sources('../../shared/src') };

/** Whatever can grow for as long as its owner lives, by file and name, and the row of LIMITS.md that bounds it. */
const BOUND_BY_ROW: Record<string, string> = {
  'alerts/alert-engine.ts #rules': 'rules',
  'alerts/alert-journal.ts #alerts': 'alerts that wait to be stored',
  'alerts/alert-journal.ts #standings': 'subjects of rules that are watched',
  'alerts/channels/deliveries.ts #busy': 'alert channels',
  'alerts/disk-forecasts.ts #forecasts': 'forecasts of disks',
  'alerts/site-silences.ts #silences': 'silences of sites',
  'alerts/watches.ts #byRule': 'subjects of rules that are watched',
  'auth/login-limiter.ts #windows': 'addresses and users that failed to log in',
  'auth/principal-cache.ts #entries': 'cached logins',
  'auth/principal-cache.ts #loading': 'callers waiting for a connection',
  'broker/device-broker.ts #gates': 'data connections',
  'broker/device-connections.ts #places': 'data connections',
  'broker/device-inbox.ts #storing': 'messages in hand of one connection',
  'broker/device-shares.ts #entries': 'devices',
  'shared/node/device-listener.ts #sockets': 'data connections',
  'shared/node/device-share.ts #waiting': 'data connections',
  'shared/node/packet-gate.ts #waiting': 'data connections',
  'fleet/agent-commands.ts #pending': 'commands without a reply',
  'fleet/devices.ts #cache': 'devices',
  'fleet/fleet.ts #agents': 'devices',
  'fleet/fleet.ts #cameras': 'cameras of one device',
  'fleet/fleet.ts #inventories': 'sites',
  'fleet/fleet.ts #newestSnapshots': 'cameras of one device',
  'fleet/fleet.ts #sensors': 'sensors of one site',
  'fleet/fleet.ts #sensorsPerSite': 'sites',
  'fleet/presence.ts #connected': 'devices',
  'fleet/updates.ts #messages': 'updates before a flush',
  'fleet/updates.ts #subscribers': 'pages that get updates',
  'fleet/updates.ts #values': 'updates before a flush',
  'foreign/discovered-values.ts #devices': 'values known by discovery',
  'foreign/unmapped-samples.ts #samples': 'samples of messages without a reading',
  'guard/guard.ts #changes': 'remembered changes of pressure',
  'guard/shedding-events.ts #pending': 'events of shedding that wait',
  'ingest/clip-intake.ts #uploads': 'clip uploads at once',
  'ingest/slot-gate.ts #waiters': 'snapshots waiting to be staged',
  'ingest/snapshot-intake.ts #staged': 'snapshots staged',
  'ingest/upload-gate.ts #devices': 'uploads at once',
  'media-store/media-store.ts #knownFolders': 'known folders of pictures',
  'plugins/http-answers.ts #releases': 'requests without an answer, a connection',
  'plugins/login-watch.ts #sockets': 'WebSockets',
  'postgres/coalesced.ts #waiting': 'device logins that share a statement',
  'queues/job-queue.ts #running': 'snapshots filed at once',
  'relay/gop-cache.ts #gop': 'cached GOP of one stream',
  'relay/gop-cache.ts #init': 'cached GOP of one stream',
  'relay/gop-cache.ts #newest': 'cached GOP of one stream',
  'relay/live-stream.ts #initPayload': 'cached GOP of one stream',
  'relay/live-stream.ts #viewers': 'viewers of one stream',
  'relay/live-stream.ts #waiting': 'viewers of one stream',
  'relay/stream-hub.ts #streams': 'live streams',
  'relay/stream-hub.ts #viewers': 'viewers',
  'relay/viewer-line.ts #entries': 'viewers waiting in line',
  'reports/xlsx-report.ts #numbers': 'series in a report',
  'telemetry/csv-stream.ts #first': 'exports at once',
  'telemetry/latest-values.ts #labels': 'newest values',
  'telemetry/latest-values.ts #sensors': 'newest values',
  'telemetry/latest-values.ts #texts': 'newest values',
  'telemetry/reading-batcher.ts #queue': 'readings waiting',
  'telemetry/series-catalogue.ts #known': 'cached series',
  'telemetry/series-catalogue.ts #refused': 'cached series',
  'timeline/sensor-silence.ts #mayBeMs': 'quiet sensors',
};

/** What cannot grow with the load, and why. */
const CANNOT_GROW: Record<string, string> = {
  'broker/device-broker.ts #changeListeners': 'one a subscriber within this program',
  'broker/device-broker.ts #held': 'two counts',
  'broker/device-broker.ts #listeners': 'two listeners',
  'broker/throttled-log.ts #lines': 'the sentences in the code',
  'doctor/tally.ts examples': 'lives for one look of the doctor, EXAMPLES_MAX names',
  'evidence/check-seals.ts #holes': 'lives for one verification, in a process of its own',
  'evidence/check-snapshots.ts #signed': 'lives for one verification, in a process of its own',
  'evidence/proof.ts #counts': 'the kinds of findings',
  'evidence/proof.ts #findings': 'LISTED_MAX of each kind',
  'evidence/proof.ts #notes': 'the kinds of notes',
  'evidence/trust.ts #lost': 'lives for one verification, in a process of its own',
  'evidence/trust.ts #unsealed': 'lives for one verification, in a process of its own',
  'guard/cpu-usage.ts #samples': 'cut to its window each second',
  'guard/guard.ts #begun': 'the steps of shedding',
  'guard/guard.ts #held': 'the resources',
  'guard/guard.ts #readings': 'the signals',
  'guard/shedding-events.ts #open': 'the steps of shedding',
  'guard/vitals.ts #eventLoopP99sMs': 'cut to five seconds',
  'ingest/page.ts #parts': 'lives for one request, a part a parameter',
  'ingest/page.ts values': 'lives for one request, a value a parameter',
  'plugins/metrics.ts #counters': 'the metrics',
  'plugins/metrics.ts #gauges': 'the metrics',
  'relay/frame-timeline.ts #acceptedAtMs': 'a ring of FRAMES numbers',
  'relay/frame-timeline.ts #sequences': 'a ring of FRAMES numbers',
  'relay/viewer.ts #jumpsAtMs': 'emptied at the third jump',
  'shared/runtime/app-error.ts detail': 'what one error tells, set when it is made',
  'shared/runtime/bounded-queue.ts #entries': 'the bound that its constructor asks for',
  'shared/runtime/lifetime.ts #owned': 'what this program opens at its start',
  'shared/runtime/listeners.ts #listeners': 'one a subscriber within this program',
  'shared/runtime/repetition.ts #atMs': 'as many moments as its constructor asks for, then none',
  'standalone/launcher.ts #pids': 'two processes',
  'standalone/embedded-postgres.ts #exitListeners': 'one a subscriber within this program',
  'standalone/postgres-process.ts #logTail': 'cut to KEPT_LOG_LINES',
  'telemetry/partitions.ts #known': 'the days that a reading may be of',
};

test('whatever can grow is bound by a row of LIMITS.md, or told why it cannot', () => {
  expect([...fieldsOfTheServer()].toSorted()).toEqual(
    [...Object.keys(BOUND_BY_ROW), ...Object.keys(CANNOT_GROW)].toSorted(),
  );
  const rows = limitRows(readLimitsConfig({})).map(({ name }) => name);
  for (const row of Object.values(BOUND_BY_ROW)) expect(rows).toContain(row);
});

function* fieldsOfTheServer(): Iterable<string> {
  for (const [prefix, folder] of Object.entries(SOURCES))
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (file.endsWith('.ts'))
        for (const name of growingFields(readFileSync(join(folder, file), 'utf8'), file))
          yield `${prefix}${file} ${name}`;
}

function sources(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
