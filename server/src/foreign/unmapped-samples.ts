// A small sample of messages that gave no reading, so that somebody can write a rule by looking at it. In memory: what is
// wrong goes on being sent, and shows again after a restart.

import { redact } from '@sitecast/shared/node/logger';
import type { Address } from '@sitecast/shared/protocol/ids';

/** Topics, of one device and in all. Policy: `drop-oldest`; of one topic the newest message is kept. */
export const SAMPLES_PER_DEVICE_MAX = 16;
export const SAMPLES_MAX = 256;
export const SAMPLE_PAYLOAD_BYTES = 4_096;
const TEXT_CHARACTERS = 256;

export interface UnmappedSample {
  site: string;
  device: string;
  topic: string;
  /** Why it gave no reading. */
  reason: string;
  /** Its beginning. */
  payload: string;
  /** Of the whole payload. */
  payloadBytes: number;
  /** Messages of this topic since it is in the list. */
  count: number;
  lastAt: string;
}

export interface UnmappedMessage {
  topic: string;
  reason: string;
  payload: Uint8Array;
  atMs: number;
}

export class UnmappedSamples {
  /** By device and topic, in the order of their last message. */
  readonly #samples = new Map<string, UnmappedSample>();
  readonly counters = { messagesUnmapped: 0, samplesForgotten: 0 };

  note({ site, id }: Address, { topic, reason, payload, atMs }: UnmappedMessage): void {
    this.counters.messagesUnmapped += 1;
    const name = printable(topic, TEXT_CHARACTERS);
    const key = `${site}/${id}/${name}`;
    const known = this.#samples.get(key);
    if (!known) this.#makeRoom(site, id);
    this.#samples.delete(key);
    this.#samples.set(key, {
      site,
      device: id,
      topic: name,
      reason: printable(reason, TEXT_CHARACTERS),
      payload: sampleOf(payload),
      payloadBytes: payload.length,
      count: (known?.count ?? 0) + 1,
      lastAt: new Date(atMs).toISOString(),
    });
  }

  /** Newest first. */
  list(): UnmappedSample[] {
    return [...this.#samples.values()].reverse();
  }

  #makeRoom(site: string, device: string): void {
    const own = [...this.#samples].filter(([, sample]) => sample.site === site && sample.device === device);
    if (own.length >= SAMPLES_PER_DEVICE_MAX) this.#forget(own[0]?.[0]);
    else if (this.#samples.size >= SAMPLES_MAX) this.#forget([...this.#samples.keys()][0]);
  }

  #forget(key: string | undefined): void {
    if (key !== undefined && this.#samples.delete(key)) this.counters.samplesForgotten += 1;
  }
}

function sampleOf(payload: Uint8Array): string {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString(
    'utf8',
    0,
    SAMPLE_PAYLOAD_BYTES,
  );
  return printable(redact(text), SAMPLE_PAYLOAD_BYTES);
}

// What a stranger sends may hold anything: no control characters on a page or in a log, no lone surrogates in JSON.
function printable(text: string, maxCharacters: number): string {
  return text.slice(0, maxCharacters).replace(/[^\P{Cc}\t\n\r]|\p{Cs}/gu, '?');
}
