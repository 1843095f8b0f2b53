// Gives fragments to the standard input of an encoder as fast as it takes them, and no faster.

import type { Writable } from 'node:stream';
import { MIB } from '@sitecast/shared/protocol/limits';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { Fragment } from '../fragment.ts';

/** Fragments that wait for the encoder; mostly the ring holds them, too. Policy: drop-to-keyframe. Bounds in edge-agent/README.md. */
export const WRITER_MAX_BYTES = 8 * MIB;
/** What has waited longer is too late to be shown; a new encoder may take this long for the GOP that it starts with. */
export const WRITER_MAX_MS = 5_000;

export interface FragmentWriterOptions {
  sink: Pick<Writable, 'write' | 'on'>;
  clock: Clock;
  /** Just before it is handed over. */
  onWrite: (fragment: Fragment) => void;
}

/** Borrows the sink. */
export class FragmentWriter {
  readonly #options: FragmentWriterOptions;
  #waiting: { fragment: Fragment; sinceMs: number }[] = [];
  #waitingBytes = 0;
  #isBlocked = false;
  #needsKeyframe = true;
  #fragmentsDropped = 0;

  constructor(options: FragmentWriterOptions) {
    this.#options = options;
    options.sink.on('drain', () => {
      this.#isBlocked = false;
      this.#pump();
    });
  }

  get fragmentsDropped(): number {
    return this.#fragmentsDropped;
  }

  /** @param isContinuous false when what comes next does not follow it. */
  push(fragment: Fragment, isContinuous = true): void {
    if (fragment.isKeyframe) this.#needsKeyframe = false;
    if (this.#needsKeyframe) {
      this.#fragmentsDropped += 1;
      return;
    }
    this.#waiting.push({ fragment, sinceMs: this.#options.clock.monotonicMs() });
    this.#waitingBytes += fragment.bytes.length;
    this.#needsKeyframe = !isContinuous;
    this.#pump();
    this.#dropWhatIsLate();
  }

  #pump(): void {
    for (let next = this.#waiting[0]; next && !this.#isBlocked; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#waitingBytes -= next.fragment.bytes.length;
      this.#options.onWrite(next.fragment);
      this.#isBlocked = !this.#options.sink.write(next.fragment.bytes);
    }
  }

  /** Up to the newest keyframe: a decoder that misses a picture shows a smear until the next one. */
  #dropWhatIsLate(): void {
    const [oldest] = this.#waiting;
    if (!oldest) return;
    const isLate = this.#options.clock.monotonicMs() - oldest.sinceMs > WRITER_MAX_MS;
    if (!isLate && this.#waitingBytes <= WRITER_MAX_BYTES) return;
    const keyframeAt = this.#waiting.findLastIndex(({ fragment }) => fragment.isKeyframe);
    const kept = keyframeAt > 0 ? this.#waiting.slice(keyframeAt) : [];
    this.#needsKeyframe ||= kept.length === 0;
    this.#fragmentsDropped += this.#waiting.length - kept.length;
    this.#waiting = kept;
    this.#waitingBytes = kept.reduce((sum, { fragment }) => sum + fragment.bytes.length, 0);
  }
}
