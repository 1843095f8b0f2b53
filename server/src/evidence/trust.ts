// Which signatures are believed, and when the gateway said that something may be missing.

import { decodeTime } from 'ulid';
import { isSignedBy, keyIdIn } from '@sitecast/shared/node/signing';
import type { SealBody } from '@sitecast/shared/protocol/evidence';
import type { FindingKind } from './proof.ts';
import type { KnownKey } from './signing-keys.ts';

/** Clocks and the way into the spool blur the ends of what an agent says it lost. */
const BLUR_MS = 90_000;
/** A seal is about a minute behind what it names, and comes by the same way. */
const TAIL_MS = 5 * 60_000;

/** A chain has its first seal a minute after its begin; how long ago that was is not known of a clock that was set meanwhile. */
const FIRST_SEAL_MS = 2 * 60_000;

interface Span {
  fromMs: number;
  toMs: number;
}

/** Of one agent. */
export class Trust {
  readonly #keys: readonly KnownKey[];
  readonly #lost = new Map<string, Span[]>();
  readonly #unsealed: Span[] = [];
  #signsFromMs = Infinity;
  readonly #newestSealMs: number;
  /** Of those that were read. */
  firstSealMs = Infinity;

  /** @param newestSealMs of all that are stored, also behind the period: only what is behind it cannot be sealed yet. */
  constructor(keys: readonly KnownKey[], newestSealMs: number) {
    this.#keys = keys;
    this.#newestSealMs = newestSealMs;
  }

  /** @returns why the signature is not believed; `changed` when it is not over this text. */
  doubt(text: string, signature: string, atMs: number): FindingKind | 'changed' | undefined {
    const key = this.#keys.find(({ keyId }) => keyId === keyIdIn(signature));
    if (!key) return 'key-unaccepted';
    if (!isSignedBy(key.publicKey, text, signature)) return 'changed';
    if (!key.acceptedAt) return 'key-unaccepted';
    return key.retiredAt && atMs > key.retiredAt.getTime() ? 'key-retired' : undefined;
  }

  /** Of a seal that is believed. */
  learn({ chain, sequence, at, unsealedFrom, gaps }: SealBody): void {
    const atMs = Date.parse(at);
    const beganMs = sequence === 1 ? decodeTime(chain) : 0;
    const signsFromMs = Math.min(atMs, Math.max(beganMs, atMs - FIRST_SEAL_MS));
    this.#signsFromMs = Math.min(this.#signsFromMs, signsFromMs);
    this.firstSealMs = Math.min(this.firstSealMs, atMs);
    if (unsealedFrom !== null) this.#unsealed.push({ fromMs: Date.parse(unsealedFrom), toMs: atMs });
    for (const { lane, from, to } of gaps) {
      const known = this.#lost.get(lane) ?? [];
      known.push({ fromMs: Date.parse(from), toMs: Date.parse(to) });
      this.#lost.set(lane, known);
    }
  }

  /** Whether the gateway gave up messages of this lane in that time. */
  isLost(lane: 'telemetry' | 'snapshots', fromMs: number, toMs = fromMs): boolean {
    return isWithin(this.#lost.get(lane) ?? [], fromMs, toMs);
  }

  /** As far back as seals were read. */
  isBeforeSigning(atMs: number): boolean {
    return atMs < this.#signsFromMs;
  }

  isUnsealed(atMs: number): boolean {
    const isNewest = atMs > this.#newestSealMs - BLUR_MS && atMs <= this.#newestSealMs + TAIL_MS;
    return isNewest || isWithin(this.#unsealed, atMs, atMs);
  }
}

function isWithin(spans: readonly Span[], fromMs: number, toMs: number): boolean {
  return spans.some((span) => span.fromMs - BLUR_MS <= toMs && fromMs <= span.toMs + BLUR_MS);
}
