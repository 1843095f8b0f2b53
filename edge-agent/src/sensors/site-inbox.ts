// What becomes of a message that a sensor published: readings into the outbox, and a PUBACK only when they are on the disk.

import { mapOwnTopic } from '@sitecast/shared/protocol/mapping/own-topics';
import {
  readingsWithUnits,
  type Mapping,
  type SensorMapper,
} from '@sitecast/shared/protocol/mapping/sensor-mapper';
import { parseReadings, type Reading } from '@sitecast/shared/protocol/telemetry';
import { isId } from '@sitecast/shared/protocol/ids';
import { parseTopic } from '@sitecast/shared/protocol/topics';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';
import type { SeriesBook } from './series-book.ts';
import type { Outcome, Publication } from './site-engine.ts';
import type { UnmappedTopics } from './unmapped-topics.ts';

export interface SiteInboxOptions {
  site: string;
  mapper: SensorMapper;
  book: SeriesBook;
  unmapped: UnmappedTopics;
  /** Resolves when they are durable. `isRetried`: the sensor sends them again when they are refused. */
  keep: (sensor: string, readings: Reading[], options: { isRetried: boolean }) => Promise<void>;
  log: QuietLog;
  clock: Clock;
}

/** What a message says, whoever's language it speaks. */
interface Said {
  sensor: string;
  source: string;
  readings: Reading[];
  leftOutCount: number;
}
type Heard = Said | { ignored: true } | { refused: string };

const PLAIN_TOPIC = /^sensors\/([^/]+)\/telemetry$/;
const DIRECT_SOURCE = 'a sensor that speaks for itself';

export class SiteInbox {
  readonly #options: SiteInboxOptions;
  readonly #keeping = new Set<Promise<Outcome>>();
  readonly counters = {
    messagesAccepted: 0,
    messagesIgnored: 0,
    messagesUnmapped: 0,
    messagesFailed: 0,
    valuesLeftOut: 0,
  };

  constructor(options: SiteInboxOptions) {
    this.#options = options;
  }

  /** Never rejects. A message that gives no reading is taken, counted and shown: closing would make a sender repeat it for ever. */
  take(publication: Publication): Promise<Outcome> {
    const heard = this.#hear(publication);
    if ('ignored' in heard) {
      this.counters.messagesIgnored += 1;
      return Promise.resolve('taken');
    }
    const admitted = 'refused' in heard ? heard : this.#admit(heard);
    return 'refused' in admitted
      ? this.refuse(publication, admitted.refused)
      : this.#keep(publication, admitted);
  }

  /** Counts and shows it. */
  refuse({ topic, payload }: Publication, reason: string): Promise<Outcome> {
    this.counters.messagesUnmapped += 1;
    this.#options.unmapped.note(topic, reason, payload);
    return Promise.resolve('taken');
  }

  /** Resolves when every message that is being kept now has its outcome. */
  async settled(): Promise<void> {
    await Promise.all(this.#keeping);
  }

  #hear({ topic, payload }: Publication): Heard {
    const arrivalMs = this.#options.clock.nowMs();
    const plain = PLAIN_TOPIC.exec(topic)?.[1];
    if (plain !== undefined) return hearDirect(plain, payload, arrivalMs);
    const parsed = parseTopic(topic);
    if (!parsed || parsed.site !== this.#options.site)
      return heardOf(this.#options.mapper.map(topic, payload, arrivalMs));
    if (parsed.kind === 'sensor-telemetry') return hearDirect(parsed.sensor, payload, arrivalMs);
    if (parsed.kind !== 'sensor-foreign') return { refused: 'not a topic of a sensor' };
    const own = { sensor: parsed.sensor, topic: parsed.topic, payload, arrivalMs };
    const heard = heardOf(mapOwnTopic(this.#options.mapper, own));
    return 'source' in heard ? { ...heard, source: DIRECT_SOURCE } : heard;
  }

  #admit(said: Said): Said | { refused: string } {
    const { book, log } = this.#options;
    const asked = new Set(said.readings.flatMap(({ values }) => Object.keys(values)));
    const admission = book.admit(said.sensor, said.source, asked);
    const isWhole = 'metrics' in admission && admission.metrics.size === asked.size;
    if (!isWhole) {
      const why =
        'refused' in admission
          ? admission.refused
          : `there is room for ${admission.metrics.size} of its series`;
      log.warn(
        'SERIES_REFUSED',
        { sensor: said.sensor, why },
        'the site broker left out readings of a sensor',
      );
    }
    if ('refused' in admission) return admission;
    if (isWhole) return said;
    const readings = said.readings.map((reading) => only(reading, admission.metrics));
    return { ...said, readings: readings.filter(({ values }) => Object.keys(values).length > 0) };
  }

  #keep({ topic, qos }: Publication, { sensor, readings, leftOutCount }: Said): Promise<Outcome> {
    const { keep, log } = this.#options;
    const outcome = keep(sensor, readings, { isRetried: qos > 0 })
      .then(
        () => {
          this.counters.messagesAccepted += 1;
          this.counters.valuesLeftOut += leftOutCount;
          return 'taken' as const;
        },
        (error: unknown) => {
          this.counters.messagesFailed += 1;
          log.warn('SITE_READING', { topic, reason: messageOf(error) }, 'a reading of a sensor was not kept');
          // A QoS 0 message does not come again, and what can never be kept must not either.
          return qos === 0 || (isAppError(error) && error.code === 'PAYLOAD_TOO_LARGE') ? 'taken' : 'hang-up';
        },
      )
      .finally(() => this.#keeping.delete(outcome));
    this.#keeping.add(outcome);
    return outcome;
  }
}

function heardOf(mapping: Mapping): Heard {
  if (mapping.kind === 'ignored') return { ignored: true };
  if (mapping.kind === 'readings') return { ...mapping, readings: readingsWithUnits(mapping) };
  return { refused: mapping.rule === undefined ? mapping.reason : `${mapping.rule}: ${mapping.reason}` };
}

function hearDirect(sensor: string, payload: Buffer, arrivalMs: number): Heard {
  if (!isId(sensor))
    return { refused: 'the sensor in the topic is no id: 1 to 63 small letters, digits and hyphens' };
  try {
    return { sensor, source: DIRECT_SOURCE, readings: parseReadings(payload, arrivalMs), leftOutCount: 0 };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { refused: error.message };
  }
}

function only({ tsMs, values, units = {} }: Reading, metrics: ReadonlySet<string>): Reading {
  const admitted = <T>(byMetric: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(byMetric).filter(([metric]) => metrics.has(metric)));
  return { tsMs, values: admitted(values), units: admitted(units) };
}
