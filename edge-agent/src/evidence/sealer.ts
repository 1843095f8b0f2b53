// Signs what the agent spools: each snapshot by itself, and once a minute a seal that names all of it, chained to the seal
// before (PROTOCOL.md, section 16). Owns its state file and its timer; borrows the key and the spool.

import { join } from 'node:path';
import {
  MAX_SEAL_BODY_CHARACTERS,
  sealReadings,
  sealText,
  snapshotText,
  type SealBody,
  type SealedReading,
  type SealMessage,
} from '@sitecast/shared/protocol/evidence';
import type { SnapshotHeader } from '@sitecast/shared/protocol/snapshot-envelope';
import type { Reading } from '@sitecast/shared/protocol/telemetry';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { sha256Of } from '@sitecast/shared/node/signing';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';
import { replaceStateFile } from '../state-file.ts';
import { loadState, newState, type EvidenceState } from './evidence-state.ts';
import type { SigningKey } from './signing-key.ts';

const SEAL_EVERY_MS = 60_000;
/** Readings that no seal has yet. Policy: drop-oldest, and the next seal says from when on some may be in none. */
export const UNSEALED_MAX_READINGS = 20_000;
const STATE_FILE = 'evidence.json';
/** That no seal names yet, policy as above; each is signed by itself all the same. */
export const UNSEALED_MAX_SNAPSHOTS = 10_000;
/** Policy as above. */
export const UNSEALED_MAX_GAPS = 1_000;
/** Of a body, for what stands around readings and snapshots. */
const FRAME_CHARACTERS = 4_096;
/** Of one reading, and of one snapshot with its camera. */
const READING_CHARACTERS = 44;
const SNAPSHOT_CHARACTERS = 170;

export interface SealerOptions {
  dataDir: string;
  address: AgentAddress;
  key: SigningKey;
  /** Resolves when the seal is durable. */
  put: (seal: SealMessage) => Promise<void>;
  log: QuietLog;
  clock?: Clock;
}

interface Noted extends SealedReading {
  notedAtMs: number;
}

export class Sealer {
  readonly #options: SealerOptions;
  readonly #clock: Clock;
  readonly #path: string;
  #state: EvidenceState;
  #readings: Noted[] = [];
  #snapshots: SealBody['snapshots'] = [];
  #gaps: SealBody['gaps'] = [];
  #unsealedFrom: string | null;
  /** Else a kill would look like a clean end. */
  #isBegunOnDisk = false;
  #timer: Timer | undefined;
  #signing: Promise<void> = Promise.resolve();
  #sealing: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  readonly counters = { seals: 0, snapshotsSigned: 0, readingsUnsealed: 0, snapshotsUnsealed: 0 };

  private constructor(options: SealerOptions, state: EvidenceState) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#path = join(options.dataDir, STATE_FILE);
    this.#state = { ...state, isClean: false };
    this.#unsealedFrom = state.isClean ? null : state.at;
  }

  static async open(options: SealerOptions): Promise<Sealer> {
    const { dataDir, clock = systemClock } = options;
    const known = await loadState(join(dataDir, STATE_FILE));
    const sealer = new Sealer(options, known ?? newState(clock.nowMs()));
    await sealer.#keepState();
    return sealer;
  }

  /** Of a run that signs nothing: the next one that does says since when. A disk that takes nothing is survived. */
  static async leaveOut(dataDir: string): Promise<void> {
    const path = join(dataDir, STATE_FILE);
    const state = await loadState(path);
    if (state?.isClean) await replaceStateFile(path, { ...state, isClean: false }).catch(() => undefined);
  }

  get publicKey(): string {
    return this.#options.key.publicKey;
  }

  start(): void {
    this.#timer = this.#clock.after(SEAL_EVERY_MS, () => {
      this.start();
      void this.seal();
    });
  }

  /** What is in the spool now. */
  noteReadings(sensor: string, readings: readonly Reading[]): void {
    const notedAtMs = this.#clock.nowMs();
    for (const { tsMs, values } of readings)
      for (const [metric, value] of Object.entries(values))
        this.#readings.push({ sensor, metric, tsMs, value, notedAtMs });
    const surplus = this.#readings.length - UNSEALED_MAX_READINGS;
    if (surplus <= 0) return;
    const [oldest] = this.#readings.splice(0, surplus);
    this.counters.readingsUnsealed += surplus;
    this.#unsealedFrom ??= new Date(oldest?.notedAtMs ?? notedAtMs).toISOString();
  }

  noteGap(gap: SealBody['gaps'][number]): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > UNSEALED_MAX_GAPS) this.#dropOldest(this.#gaps);
  }

  /** Signs it, one after the other, and lets `put` bring it into the spool. Rejects as `put` does. */
  async snapshot(header: SnapshotHeader, put: (signed: SnapshotHeader) => Promise<void>): Promise<void> {
    const signed = this.#signing.then(() => this.#signAndPut(header, put));
    this.#signing = signed.catch(() => undefined);
    return signed;
  }

  /** Never rejects: what is not sealed now is sealed with the next one. */
  seal(): Promise<void> {
    this.#sealing = this.#sealing
      .then(() => this.#sealAll())
      .catch((error: unknown) => {
        this.#options.log.warn('SEAL', { reason: messageOf(error) }, 'a seal was not spooled');
      });
    return this.#sealing;
  }

  /** Seals what there is. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#signing;
    await this.seal();
    this.#state = { ...this.#state, isClean: this.#isEmpty && this.#state.pending === null };
    await this.#keepState();
  }

  /** As it is when its turn comes. */
  #save(): Promise<void> {
    const saved = this.#saving.then(() => replaceStateFile(this.#path, this.#state));
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  /** Never rejects. */
  async #keepState(): Promise<void> {
    try {
      await this.#save();
      this.#isBegunOnDisk = true;
    } catch (error) {
      const reason = messageOf(error);
      this.#options.log.warn('SEAL', { reason }, 'the state of the seals is not on the disk');
    }
  }

  get #isEmpty(): boolean {
    return this.#readings.length === 0 && this.#snapshots.length === 0 && this.#gaps.length === 0;
  }

  async #signAndPut(header: SnapshotHeader, put: (signed: SnapshotHeader) => Promise<void>): Promise<void> {
    const { address, key } = this.#options;
    const { camera, id } = header;
    const previousSha256 = this.#state.cameras[camera];
    const chained = { ...header, ...(previousSha256 !== undefined && { previousSha256 }) };
    const text = snapshotText(address, chained);
    await put({ ...chained, signature: key.sign(text) });
    const sha256 = sha256Of(text);
    this.#state = { ...this.#state, cameras: { ...this.#state.cameras, [camera]: sha256 } };
    this.#noteSnapshot([camera, id, sha256]);
    this.counters.snapshotsSigned += 1;
    // With an older state, the next run links to the one before: the chain forks, and both pictures are signed.
    await this.#keepState();
  }

  #noteSnapshot(snapshot: SealBody['snapshots'][number]): void {
    this.#snapshots.push(snapshot);
    if (this.#snapshots.length <= UNSEALED_MAX_SNAPSHOTS) return;
    this.#dropOldest(this.#snapshots);
    this.counters.snapshotsUnsealed += 1;
  }

  /** It came after the last seal. */
  #dropOldest(list: unknown[]): void {
    list.shift();
    this.#unsealedFrom ??= this.#state.at;
  }

  async #sealAll(): Promise<void> {
    if (!this.#isBegunOnDisk) await this.#keepState();
    await this.#putPending();
    while (!this.#isEmpty || this.#unsealedFrom !== null) {
      this.#signNext();
      await this.#putPending();
    }
  }

  #signNext(): void {
    const body = this.#takeBody();
    const text = JSON.stringify(body);
    const signed = sealText(this.#options.address, text);
    const { sequence, at } = body;
    this.#state = {
      ...this.#state,
      sequence,
      at,
      previousSha256: sha256Of(signed),
      pending: { body: text, signature: this.#options.key.sign(signed) },
    };
  }

  async #putPending(): Promise<void> {
    const { pending } = this.#state;
    if (!pending) return;
    // First on the disk: a sequence is never used for two seals.
    await this.#save();
    await this.#options.put(pending);
    this.#state = { ...this.#state, pending: null };
    this.counters.seals += 1;
  }

  /** As much as fits. */
  #takeBody(): SealBody {
    const gaps = this.#gaps.splice(0, MAX_GAPS);
    let room = MAX_SEAL_BODY_CHARACTERS - FRAME_CHARACTERS;
    const snapshots = this.#snapshots.splice(0, Math.floor(room / 4 / SNAPSHOT_CHARACTERS));
    room -= snapshots.length * SNAPSHOT_CHARACTERS;
    const readings = this.#readings.splice(0, countFitting(this.#readings, room));
    const unsealedFrom = this.#unsealedFrom;
    this.#unsealedFrom = null;
    const { chain, sequence, previousSha256 } = this.#state;
    return {
      chain,
      sequence: sequence + 1,
      previousSha256,
      at: new Date(this.#clock.nowMs()).toISOString(),
      unsealedFrom,
      readings: sealReadings(readings),
      snapshots,
      gaps,
    };
  }
}

/** The other gaps are in the next seal. */
const MAX_GAPS = 16;

function countFitting(readings: readonly Noted[], room: number): number {
  const series = new Set<string>();
  let characters = 0;
  const end = readings.findIndex(({ sensor, metric }) => {
    const key = `${sensor} ${metric}`;
    characters += READING_CHARACTERS + (series.has(key) ? 0 : key.length + 16);
    series.add(key);
    return characters > room;
  });
  return end < 0 ? readings.length : end;
}
