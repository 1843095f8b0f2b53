// What the server counts, for Prometheus: read from the parts when somebody scrapes, kept nowhere twice.

import fp from 'fastify-plugin';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { SERVER_ERROR_CODES, type ServerErrorCode } from '../errors.ts';

/** Read at each scrape. */
export interface MetricSources {
  /** Past-tense counters by area: `{relay: {framesSent: 1}}` becomes `sitecast_relay_frames_sent_total`. */
  counters: () => Record<string, Readonly<Record<string, number>>>;
  /**
   * Levels by name: `{live_viewers: 1}` becomes `sitecast_live_viewers`, `{ready: {check: {disk: 1}}}` becomes
   * `sitecast_ready{check="disk"}`. Base units stand in the names.
   */
  gauges: () => Promise<Record<string, number | Record<string, Record<string, number>>>>;
  /** The sentence of a gauge; without one it is made of the name. */
  gaugeHelp?: Readonly<Record<string, string>>;
}

const PREFIX = 'sitecast_';
/** Of the HTTP side itself, counted here as they happen. */
const OWN_COUNTERS = {
  http_connections_refused_of_address: 'Connections above the bound of one address, closed unread.',
  http_connections_silent: 'Connections that asked for nothing, or did not read, for too long.',
  http_connections_dropped: 'Connections above the bound of the HTTP server, closed unread.',
  sockets_messages_too_large:
    'WebSockets closed because a browser sent a message above WS_MAX_PAYLOAD_BYTES.',
  sockets_messages_in_pieces: 'WebSockets closed because a browser sent a message in too many pieces.',
  sockets_without_pong: 'WebSockets closed because a browser answered no ping for WS_PONG_TIMEOUT_MS.',
} as const;
export type OwnCounter = keyof typeof OWN_COUNTERS;
/** Gauges of the library under the suffix of counters; each is the sum of one without it. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);
/** The library's own 10 ms would wake an idle process a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 50;
const SECONDS_BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10];

export class Metrics {
  readonly #registry = new Registry();
  readonly #sources: MetricSources;
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #requests: Histogram;
  readonly #errors: Counter;

  constructor(sources: MetricSources) {
    this.#sources = sources;
    collectDefaultMetrics({
      register: this.#registry,
      eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS,
    });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
    this.#requests = new Histogram({
      name: `${PREFIX}http_request_duration_seconds`,
      help: 'Time to answer HTTP requests, by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS_BUCKETS,
      registers: [this.#registry],
    });
    this.#errors = new Counter({
      name: `${PREFIX}http_errors_total`,
      help: 'Requests that were not granted, by the code that their answer gave.',
      labelNames: ['code'],
      registers: [this.#registry],
    });
    // From the start, so that the first one is an increase too.
    for (const code of SERVER_ERROR_CODES) this.#errors.inc({ code }, 0);
    for (const [name, help] of Object.entries(OWN_COUNTERS)) {
      this.#counters.set(
        name,
        new Counter({ name: `${PREFIX}${name}_total`, help, registers: [this.#registry] }),
      );
    }
  }

  count(name: OwnCounter): void {
    this.#counters.get(name)?.inc();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** @param route the pattern, not the path: the number of series must not grow with what people ask for. */
  requestAnswered(labels: { method: string; route: string; status: number }, seconds: number): void {
    this.#requests.observe(labels, seconds);
  }

  requestRefused(code: ServerErrorCode): void {
    this.#errors.inc({ code });
  }

  async render(): Promise<string> {
    for (const [area, counters] of Object.entries(this.#sources.counters())) {
      for (const [name, value] of Object.entries(counters))
        this.#setCounter(`${area}_${snakeCase(name)}`, value);
    }
    for (const [name, value] of Object.entries(await this.#sources.gauges())) this.#setGauge(name, value);
    return this.#registry.metrics();
  }

  #setCounter(name: string, value: number): void {
    const fullName = `${PREFIX}${name}_total`;
    const counter =
      this.#counters.get(name) ??
      new Counter({ name: fullName, help: sentenceOf(name), registers: [this.#registry] });
    this.#counters.set(name, counter);
    counter.reset();
    counter.inc(value);
  }

  #setGauge(name: string, value: number | Record<string, Record<string, number>>): void {
    const labelled = typeof value === 'number' ? {} : value;
    const help = this.#sources.gaugeHelp?.[name] ?? sentenceOf(name);
    const labelNames = Object.keys(labelled);
    const gauge =
      this.#gauges.get(name) ??
      new Gauge({ name: PREFIX + name, help, labelNames, registers: [this.#registry] });
    this.#gauges.set(name, gauge);
    if (typeof value === 'number') gauge.set(value);
    for (const [label, values] of Object.entries(labelled))
      for (const [of, each] of Object.entries(values)) gauge.set({ [label]: of }, each);
  }
}

export const requestMetrics = fp<{ metrics: Metrics }>(async (app, { metrics }) => {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const { method } = request;
    metrics.requestAnswered({ method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (reply.errorCode !== undefined) metrics.requestRefused(reply.errorCode);
  });
});

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const sentenceOf = (name: string): string => `${name.replaceAll('_', ' ')}.`;
