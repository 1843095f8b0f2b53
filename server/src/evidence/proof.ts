// What a verification found: what is wrong, and what is missing for a reason that is told.

/** Of each kind so many are listed; the others are counted. */
const LISTED_MAX = 200;

export const FINDINGS = {
  'nothing-signed': 'no gateway of it signs, so nothing is proved',
  'key-missing': 'a key that was named, and no gateway of the site has it',
  'key-unaccepted': 'signed with a key that nobody accepted',
  'key-retired': 'signed with a key after another one took its place',
  'seal-changed': 'a seal is not what was signed',
  'seal-missing': 'a seal is missing from its chain',
  'seal-out-of-order': 'a seal does not follow the one before it',
  'reading-missing': 'a reading that was signed is not stored',
  'reading-changed': 'a reading has another value than the one that was signed',
  'reading-swapped': "two readings of a series have each other's value",
  'reading-added': 'a reading is stored that was never signed',
  'snapshot-unsigned': 'a snapshot has no signature',
  'snapshot-changed': 'what is stored of a snapshot is not what was signed',
  'snapshot-missing': 'a snapshot that was signed is not stored',
  'snapshot-out-of-order': 'a snapshot does not follow one of its camera',
  'file-missing': 'the file of a snapshot is not there',
  'file-changed': 'the file of a snapshot is not the picture that was signed',
} as const;
export type FindingKind = keyof typeof FINDINGS;

export const NOTES = {
  'deleted-by-retention': 'deleted by retention',
  'lost-on-the-way': 'given up by the gateway, which signed that it did',
  'not-sealed': 'spooled around an end of the gateway without notice, or since its newest seal',
  'before-signing': 'from before the gateway signed',
  'chain-begun': 'a chain of seals that begins in the period',
} as const;
export type NoteKind = keyof typeof NOTES;

export interface Finding {
  kind: FindingKind;
  /** Which one: an address, a time, an id. */
  what: string;
  detail: string;
}

export interface Proof {
  site: string;
  from: string;
  to: string;
  /** Agents that sign. */
  agents: string[];
  checked: { seals: number; readings: number; snapshots: number; files: number };
  findings: Finding[];
  /** Of those that are not listed as well. */
  counts: Partial<Record<FindingKind, number>>;
  notes: Partial<Record<NoteKind, number>>;
  isWhole: boolean;
}

export class ProofBook {
  readonly checked: Proof['checked'] = { seals: 0, readings: 0, snapshots: 0, files: 0 };
  readonly #findings: Finding[] = [];
  readonly #counts: Partial<Record<FindingKind, number>> = {};
  readonly #notes: Partial<Record<NoteKind, number>> = {};

  found(kind: FindingKind, what: string, detail: string = FINDINGS[kind]): void {
    const count = (this.#counts[kind] ?? 0) + 1;
    this.#counts[kind] = count;
    if (count <= LISTED_MAX) this.#findings.push({ kind, what, detail });
  }

  noted(kind: NoteKind): void {
    this.#notes[kind] = (this.#notes[kind] ?? 0) + 1;
  }

  proof(of: Pick<Proof, 'site' | 'from' | 'to' | 'agents'>): Proof {
    return {
      ...of,
      checked: this.checked,
      findings: this.#findings,
      counts: this.#counts,
      notes: this.#notes,
      isWhole: this.#findings.length === 0,
    };
  }
}
