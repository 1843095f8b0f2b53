// Alerts and dashboard against the /metrics of a server that runs: what they ask for is there, under this name and with this
// label; and promtool, where it is installed, on the files, on the metrics, and on alerts that must and must not fire.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { App } from '../../src/app.ts';
import { readConfig, readLimitsConfig } from '../../src/config.ts';
import { RESOURCES, type Resource, type Signal } from '../../src/guard/guard.ts';
import { guardSignals } from '../../src/guard/signals.ts';
import { limitRows } from '../../src/limits.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';

const deploy = new URL('../../deploy/', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, deploy), 'utf8');
const ALERTS = fileURLToPath(new URL('prometheus/alerts.yml', deploy));

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}
interface Panel {
  id: number;
  title: string;
  datasource: { uid: string };
  targets: { expr: string; legendFormat: string }[];
  gridPos: { x: number; y: number; w: number; h: number };
}

const alerts = (parse(text('prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const dashboard = JSON.parse(text('grafana/dashboards/sitecast.json')) as { uid: string; panels: Panel[] };
const queries = dashboard.panels.flatMap(({ title, targets }) =>
  targets.map(({ expr, legendFormat }) => ({ of: title, expr, legend: legendFormat })),
);
/** Made by Prometheus itself at each scrape. */
const OF_PROMETHEUS = ['up'];

type Series = Record<string, string>;
/** Alert, by when it fires, on what, and on what it does not. */
const CASES: [string, string, Series, Series][] = [
  ['SitecastDown', '5m', { 'up{job="sitecast"}': '0x20' }, { 'up{job="sitecast"}': '1x20' }],
  [
    'SitecastNotReady',
    '5m',
    { 'sitecast_ready{check="disk"}': '0x20' },
    { 'sitecast_ready{check="disk"}': '1x20' },
  ],
  ['SitecastMemoryHigh', '10m', memory(1300), memory(1100)],
  ['SitecastPressure', '5m', { sitecast_pressure_level: '2x20' }, { sitecast_pressure_level: '1x20' }],
  [
    'SitecastPressureCritical',
    '5m',
    { sitecast_pressure_level: '3x20' },
    { sitecast_pressure_level: '2x20' },
  ],
  [
    'SitecastEventLoopSlow',
    '5m',
    { sitecast_event_loop_delay_p99_seconds: '0.3x20' },
    { sitecast_event_loop_delay_p99_seconds: '0.2x20' },
  ],
  [
    'SitecastPoolWaiting',
    '5m',
    { sitecast_postgres_callers_waiting: '3x20' },
    { sitecast_postgres_callers_waiting: '3 0 3 0 3 0 3 0' },
  ],
  [
    'SitecastImageQueueLong',
    '5m',
    { sitecast_snapshots_staged: '450x20', sitecast_snapshots_staged_max: '500x20' },
    { sitecast_snapshots_staged: '300x20', sitecast_snapshots_staged_max: '500x20' },
  ],
  [
    'SitecastSnapshotsStalled',
    '25m',
    { sitecast_snapshots_staged: '5x40', sitecast_snapshots_filed_total: '100x40' },
    { sitecast_snapshots_staged: '5x40', sitecast_snapshots_filed_total: '100+5x40' },
  ],
  [
    'SitecastReadingsStalled',
    '15m',
    { sitecast_telemetry_rows_waiting: '9x40', sitecast_telemetry_messages_stored_total: '7x40' },
    { sitecast_telemetry_rows_waiting: '0x40', sitecast_telemetry_messages_stored_total: '7x40' },
  ],
  [
    'SitecastDiskFullSoon',
    '150m',
    { 'sitecast_storage_until_full_seconds{what="disk"}': '500000x200' },
    { 'sitecast_storage_until_full_seconds{what="disk"}': '700000x200' },
  ],
  [
    'SitecastDiskFull',
    '5m',
    { sitecast_disk_free_bytes: '10x20', sitecast_disk_free_min_bytes: '20x20' },
    { sitecast_disk_free_bytes: '30x20', sitecast_disk_free_min_bytes: '20x20' },
  ],
  [
    'SitecastStreamSlotsFull',
    '15m',
    { sitecast_live_streams: '5x30', sitecast_live_streams_max: '5x30' },
    { sitecast_live_streams: '4x30', sitecast_live_streams_max: '5x30' },
  ],
  ['SitecastCpuAboveBaseline', '15m', cpu(0.5, 0.4), cpu(0.3, 0.4)],
  // Machines without credits.
  ['SitecastCpuAboveBaseline', '15m', cpu(0.5, 0.1), cpu(3, 0)],
  [
    'SitecastCpuStolen',
    '10m',
    { sitecast_cpu_stolen_ratio: '0.1x20' },
    { sitecast_cpu_stolen_ratio: '0.09x20' },
  ],
  // At the relay, at the door of the WebSockets, and at both; refused for another reason is another matter.
  ['SitecastViewersRefused', '10m', viewersRefused(3, 0), viewersRefused(1, 0)],
  ['SitecastViewersRefused', '10m', viewersRefused(0, 3), viewersRefused(0, 1)],
  ['SitecastViewersRefused', '10m', viewersRefused(1.5, 1.5), viewersRefused(0.5, 0.5)],
  ['SitecastViewersRefused', '10m', viewersRefused(3, 0, 9), viewersRefused(0, 0, 9)],
  ['SitecastStatementsTimeOut', '10m', ...counted('sitecast_postgres_statements_timed_out_total', 1, 0.2)],
  ['SitecastDevicesHeldUp', '20m', ...counted('sitecast_broker_reads_held_up_total', 20, 5)],
  ['SitecastMqttConnectionsRefused', '10m', ...counted('sitecast_broker_connections_refused_total', 5, 1)],
  ['SitecastHttpConnectionsRefused', '10m', ...counted('sitecast_http_connections_dropped_total', 5, 1)],
  ['SitecastUploadsRefused', '10m', uploadsRefused(3, 3), uploadsRefused(1, 0.5)],
  [
    'SitecastDeadLetters',
    '1m',
    { sitecast_alerts_dead_letters: '1x20' },
    { sitecast_alerts_dead_letters: '0x20' },
  ],
  [
    'SitecastReportsFailed',
    '10m',
    { sitecast_reports_failed_total: '0x4 1x20' },
    { sitecast_reports_failed_total: '1x40' },
  ],
];

/** How the alerts name what can run short. */
const WORDS: Record<Resource, RegExp[]> = {
  process: [/\bmemory\b/i, /\bevent loop\b/],
  database: [/\bPostgreSQL\b/],
  images: [/\bimage queue\b/],
  disk: [/\bdisk\b/],
};

const postgres = useTestPostgres();
let metrics = '';

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sitecast-metrics-'));
  try {
    await using test = await postgres.createDatabase();
    const env = { DATABASE_URL: test.url, DATA_DIR: dataDir, PORT: '0', MQTT_PORT: '0', MEDIA_PORT: '0' };
    await using app = await App.open({ config: readConfig(env), logger: testLogger, version: '0.0.0-test' });
    const url = `http://127.0.0.1:${app.ports.http}`;
    // The histogram of requests has series from its first request on.
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    metrics = await answer.text();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

describe('/metrics', () => {
  it('has a HELP and a TYPE line for every metric, counters with _total and nothing else with it', () => {
    const helped = new Map(
      [...metrics.matchAll(/^# HELP (\w+) (.+)$/gm)].map(([, name, help]) => [name, help]),
    );
    const typed = [...metrics.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
    expect(typed.length).toBeGreaterThan(80);
    for (const [, name = '', type] of typed) {
      expect(helped.get(name)).toMatch(/\w{2}/);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      // Base units, and those of a level at the end of its name.
      if (!name.startsWith('sitecast_')) continue;
      expect(name).not.toMatch(/_(ms|millis\w*|kb|kib|mb|mib|percent)(_|$)/);
      if (type !== 'counter') expect(name).not.toMatch(/_(bytes|seconds)_/);
    }
  });

  it('counts at each bound that LIMITS.md gives a counter', () => {
    const names = sampleNames();
    for (const { counter } of limitRows(readLimitsConfig({})))
      if (counter !== null) expect(names).toContain(`sitecast_${counter.split('{')[0]}_total`);
  });

  it('tells the checks of /readyz one by one', () => {
    const checks = [...metrics.matchAll(/^sitecast_ready\{check="(\w+)"\} 1$/gm)].map(([, check]) => check);
    expect(checks).toEqual(['database', 'queue', 'broker', 'disk', 'pressure']);
  });
});

describe('the alerts', () => {
  it.each(alerts.map((rule) => [rule.alert, rule] as const))(
    '%s asks for metrics that exist',
    (_name, { expr, annotations }) => {
      expectKnown(expr);
      for (const [, query = ''] of annotations.description.matchAll(/query "([^"]+)"/g)) expectKnown(query);
      // What the text names of the labels is on the metric.
      for (const [, label] of `${annotations.summary}${annotations.description}`.matchAll(/\$labels\.(\w+)/g))
        expect(metrics).toMatch(new RegExp(`^${namesIn(expr)[0]}\\{[^}]*${label}=`, 'm'));
    },
  );

  it('have names of their own, a severity and words for people', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { labels, annotations } of alerts) {
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.description.length).toBeGreaterThan(10);
    }
  });

  it('name of pressure every cause that can bring its level, and no other', () => {
    for (const [alert, level] of [
      ['SitecastPressure', 'high'],
      ['SitecastPressureCritical', 'critical'],
    ] as const) {
      const [rule] = alerts.filter((each) => each.alert === alert);
      const { summary, description } = rule?.annotations ?? { summary: '', description: '' };
      expect(summary).toMatch(new RegExp(`under ${level} pressure`));
      const can = new Set(signals().flatMap((one) => (one.thresholds[level] ? [one.resource] : [])));
      for (const resource of RESOURCES)
        for (const words of WORDS[resource])
          expect([alert, words.source, words.test(description)]).toEqual([
            alert,
            words.source,
            can.has(resource),
          ]);
    }
  });

  it('cover every danger', () => {
    for (const [danger, metric] of Object.entries({
      memory: 'sitecast_memory_rss_bytes',
      pressure: 'sitecast_pressure_level',
      'event loop': 'sitecast_event_loop_delay_p99_seconds',
      pool: 'sitecast_postgres_callers_waiting',
      'image queue': 'sitecast_snapshots_staged_max',
      disk: 'sitecast_disk_free_bytes',
      'a disk that fills': 'sitecast_storage_until_full_seconds',
      'stalled ingest': 'sitecast_snapshots_filed_total',
      down: 'up',
      'stream slots': 'sitecast_live_streams_max',
      'CPU credits': 'sitecast_cpu_sustained_cores',
      'a host that takes the processor away': 'sitecast_cpu_stolen_ratio',
      'slow statements': 'sitecast_postgres_statements_timed_out_total',
      'devices that flood': 'sitecast_broker_reads_held_up_total',
      'connections of devices': 'sitecast_broker_connections_refused_total',
      'connections of browsers': 'sitecast_http_connections_dropped_total',
      uploads: 'sitecast_uploads_refused_of_device_total',
      reports: 'sitecast_reports_failed_total',
    }))
      expect([danger, alerts.some(({ expr }) => namesIn(expr).includes(metric))]).toEqual([danger, true]);
  });
});

describe('the dashboard', () => {
  it.each(queries.map((query) => [query.of, query.legend, query] as const))(
    '%s: %s exists',
    (_of, _legend, { expr, legend }) => {
      expectKnown(expr);
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g))
        expect(metrics).toMatch(new RegExp(`^${namesIn(expr)[0]}\\{[^}]*${label}=`, 'm'));
    },
  );

  it('is found by its provisioning: the source, the folder and the start page', () => {
    const [source] = (
      parse(text('grafana/provisioning/datasources/prometheus.yml')) as {
        datasources: { uid: string; url: string }[];
      }
    ).datasources;
    expect(new Set(dashboard.panels.map(({ datasource }) => datasource.uid))).toEqual(new Set([source?.uid]));
    const compose = parse(readFileSync(new URL('../../docker-compose.yml', deploy), 'utf8'), {
      merge: true,
    }) as {
      services: Record<string, { volumes: string[]; environment: Record<string, string> }>;
    };
    const [provider] = (
      parse(text('grafana/provisioning/dashboards/sitecast.yml')) as {
        providers: { options: { path: string } }[];
      }
    ).providers;
    const folder = provider?.options.path ?? '';
    expect(compose.services.grafana?.volumes).toContain(`./server/deploy/grafana/dashboards:${folder}:ro`);
    expect(Object.values(compose.services.grafana?.environment ?? {})).toContain(`${folder}/sitecast.json`);
    expect(source?.url).toBe('http://prometheus:9090');
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  it('lays no panel over another', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});

describe.skipIf(!requireTool('promtool', 'it checks rules, queries and metrics for Prometheus'))(
  'promtool',
  () => {
    let dir = '';
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'sitecast-promtool-'));
    });
    afterAll(() => rm(dir, { recursive: true, force: true }));

    const promtool = (args: string[], input?: string): string => {
      const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
      expect([args.join(' '), status, status === 0 ? '' : stdout + stderr]).toEqual([args.join(' '), 0, '']);
      return stdout + stderr;
    };

    it('accepts the names and the format of the metrics', () => {
      promtool(['check', 'metrics'], metrics);
    });

    it('accepts the alerts and the configuration', async () => {
      expect(promtool(['check', 'rules', ALERTS])).toContain(`${alerts.length} rules found`);
      const token = join(dir, 'token');
      await writeFile(token, 'a token');
      const config = text('prometheus/prometheus.yml')
        .replace('/etc/prometheus/alerts.yml', ALERTS)
        .replace('/run/prometheus/token', token);
      await writeFile(join(dir, 'prometheus.yml'), config);
      promtool(['check', 'config', join(dir, 'prometheus.yml')]);
    });

    it('accepts the query of every panel', async () => {
      const rules = queries.map(({ expr }, index) => ({
        record: `panel:query:${index}`,
        expr: expr.replaceAll('$__rate_interval', '1m'),
      }));
      await writeFile(join(dir, 'panels.yml'), stringify({ groups: [{ name: 'panels', rules }] }));
      promtool(['check', 'rules', join(dir, 'panels.yml')]);
    });

    it('sees each alert fire in time, and not on a good day', async () => {
      const tests = CASES.flatMap(([alertname, at, bad, good]) => [
        { name: `${alertname} fires`, ...seriesTest(alertname, at, bad, [{ labels: '{}', value: 1 }]) },
        { name: `${alertname} stays silent`, ...seriesTest(alertname, at, good, []) },
      ]);
      const file = join(dir, 'cases.yml');
      await writeFile(file, stringify({ rule_files: [ALERTS], evaluation_interval: '15s', tests }));
      promtool(['test', 'rules', file]);
    });
  },
);

function seriesTest(alertname: string, at: string, series: Series, exp_samples: object[]): object {
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alertname}",alertstate="firing"})`,
        eval_time: at,
        exp_samples,
      },
    ],
  };
}

/** Nothing of them is read. */
function signals(): Signal[] {
  const unread = (): never => expect.fail('a signal was read');
  return guardSignals({
    vitals: { read: unread },
    ledger: { read: unread },
    images: unread,
    pool: unread,
    disk: unread,
  });
}

/** On a bad and on a good day, by how often a minute. */
function counted(metric: string, bad: number, good: number): [Series, Series] {
  return [{ [metric]: `0+${bad}x40` }, { [metric]: `0+${good}x40` }];
}

/** Each by how often a minute; series as Prometheus labels them. */
function viewersRefused(joins: number, sockets: number, logins = 0): Series {
  const target = 'instance="server:8080",job="sitecast"';
  return {
    [`sitecast_relay_joins_refused_total{${target}}`]: `0+${joins}x40`,
    [`sitecast_http_errors_total{${target},code="VIEWER_LIMIT"}`]: `0+${sockets}x40`,
    [`sitecast_http_errors_total{${target},code="UNAUTHORIZED"}`]: `0+${logins}x40`,
  };
}

function uploadsRefused(inAll: number, ofDevice: number): Series {
  return {
    sitecast_uploads_refused_in_all_total: `0+${inAll}x40`,
    sitecast_uploads_refused_of_device_total: `0+${ofDevice}x40`,
  };
}

function cpu(sustainedCores: number, baselineCores: number): Series {
  return {
    sitecast_cpu_sustained_cores: `${sustainedCores}x40`,
    sitecast_cpu_baseline_cores: `${baselineCores}x40`,
  };
}

function memory(rssMib: number): Record<string, string> {
  return { sitecast_memory_rss_bytes: `${rssMib}x20`, sitecast_memory_limit_bytes: '1536x20' };
}

function sampleNames(): Set<string> {
  return new Set(
    [...metrics.matchAll(/^(\w+)(?:\{| )/gm)].flatMap(([, name]) => (name === undefined ? [] : [name])),
  );
}

/** Names of metrics in a query: identifiers that are no function, no label and no word of the language. */
function namesIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '');
  const identifiers = bare.match(/[a-zA-Z_:][\w:]*(?!\w|\s*\()/g) ?? [];
  return identifiers.filter((name) => !['and', 'or', 'unless', 'bool'].includes(name));
}

function expectKnown(expr: string): void {
  const names = namesIn(expr);
  expect(names.length).toBeGreaterThan(0);
  const known = sampleNames();
  for (const name of names) if (!OF_PROMETHEUS.includes(name)) expect([...known]).toContain(name);
}
