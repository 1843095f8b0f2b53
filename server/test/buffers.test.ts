import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { readLimitsConfig } from '../src/config.ts';
import { limitRows } from '../src/limits.ts';

const SOURCES = { '': sources('../src'), 'shared/': sources('../../shared/src') };

/** Whatever can grow for as long as its owner lives, by file and name, and the row of LIMITS.md that bounds it. */
const BOUND_BY_ROW: Record<string, string> = {
  'auth/login-limiter.ts #windows': 'addresses and users that failed to log in',
  'auth/principal-cache.ts #entries': 'cached logins',
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
  'guard/guard.ts #changes': 'remembered changes of pressure',
  'guard/shedding-events.ts #pending': 'events of shedding that wait',
  'ingest/slot-gate.ts #waiters': 'snapshots waiting to be staged',
  'ingest/snapshot-intake.ts #staged': 'snapshots staged',
  'ingest/upload-gate.ts #devices': 'uploads at once',
  'media-store/media-store.ts #knownFolders': 'known folders of pictures',
  'plugins/login-watch.ts #sockets': 'WebSockets',
  'postgres/coalesced.ts #waiting': 'device logins that share a statement',
  'queues/job-queue.ts #running': 'snapshots filed at once',
  'relay/gop-cache.ts #gop': 'cached GOP of one stream',
  'relay/live-stream.ts #viewers': 'viewers of one stream',
  'relay/live-stream.ts #waiting': 'viewers of one stream',
  'relay/stream-hub.ts #streams': 'live streams',
  'relay/stream-hub.ts #viewers': 'viewers',
  'relay/viewer-line.ts #entries': 'viewers waiting in line',
  'telemetry/latest-values.ts #sensors': 'newest values',
  'telemetry/series-catalogue.ts #known': 'cached series',
  'telemetry/series-catalogue.ts #refused': 'cached series',
};

/** What cannot grow with the load, and why. */
const CANNOT_GROW: Record<string, string> = {
  'broker/device-broker.ts #changeListeners': 'one a subscriber within this program',
  'broker/device-broker.ts #listeners': 'two listeners',
  'broker/throttled-log.ts #lines': 'the sentences in the code',
  'guard/cpu-usage.ts #samples': 'cut to its window each second',
  'guard/guard.ts #begun': 'the steps of shedding',
  'guard/guard.ts #readings': 'the signals',
  'guard/shedding-events.ts #open': 'the steps of shedding',
  'guard/vitals.ts #eventLoopP99sMs': 'cut to five seconds',
  'ingest/page.ts #parts': 'lives for one request, a part a parameter',
  'ingest/page.ts values': 'lives for one request, a value a parameter',
  'plugins/metrics.ts #counters': 'the metrics',
  'plugins/metrics.ts #gauges': 'the metrics',
  'relay/viewer.ts #jumpsAtMs': 'emptied at the third jump',
  'shared/runtime/bounded-queue.ts #entries': 'the bound that its constructor asks for',
  'shared/runtime/lifetime.ts #owned': 'what this program opens at its start',
  'shared/runtime/listeners.ts #listeners': 'one a subscriber within this program',
  'standalone/embedded-postgres.ts #exitListeners': 'one a subscriber within this program',
  'standalone/postgres-process.ts #logTail': 'cut to KEPT_LOG_LINES',
  'telemetry/partitions.ts #known': 'the days that a reading may be of',
};

test('whatever can grow is bound by a row of LIMITS.md, or told why it cannot', () => {
  expect([...growingFields()].toSorted()).toEqual(
    [...Object.keys(BOUND_BY_ROW), ...Object.keys(CANNOT_GROW)].toSorted(),
  );
  const rows = limitRows(readLimitsConfig({})).map(({ name }) => name);
  for (const row of Object.values(BOUND_BY_ROW)) expect(rows).toContain(row);
});

/** Fields and module variables that begin as an empty array, Map or Set; weak ones hold nothing alive. */
function* growingFields(): Iterable<string> {
  for (const [prefix, folder] of Object.entries(SOURCES)) {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const source = ts.createSourceFile(file, read(folder, file), ts.ScriptTarget.Latest, true);
      for (const { name, initializer } of declarationsIn(source)) {
        if (isEmptyCollection(initializer)) yield `${prefix}${file} ${name.getText(source)}`;
      }
    }
  }
}

function sources(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

type Declaration = ts.PropertyDeclaration | ts.VariableDeclaration;

function declarationsIn(source: ts.SourceFile): Declaration[] {
  return source.statements.flatMap((statement): Declaration[] => {
    if (ts.isClassDeclaration(statement)) return statement.members.filter(ts.isPropertyDeclaration);
    return ts.isVariableStatement(statement) ? [...statement.declarationList.declarations] : [];
  });
}

function isEmptyCollection(value: ts.Expression | undefined): boolean {
  if (value === undefined) return false;
  if (ts.isArrayLiteralExpression(value)) return value.elements.length === 0;
  if (!ts.isNewExpression(value)) return false;
  return ['Map', 'Set'].includes(value.expression.getText()) && (value.arguments ?? []).length === 0;
}
