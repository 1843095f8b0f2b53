// `sitecast-server verify`: whether what is stored of a site is what its agents signed.

import { join } from 'node:path';
import { parseIsoTime } from '@sitecast/shared/protocol/telemetry';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { readConfig } from '../config.ts';
import { verifyEvidence } from '../evidence/verify.ts';
import { NOTES, type Proof } from '../evidence/proof.ts';
import { MediaStore } from '../media-store/media-store.ts';
import { printAnswer, type CommandContext } from './context.ts';
import { withDatabase } from './database.ts';

export interface VerifyCommandOptions {
  site: string;
  from: string;
  to: string;
  /** False: only what is in the database. */
  files: boolean;
  key?: string[];
  json?: boolean;
}

/** @throws {AppError} EVIDENCE_BROKEN when something is wrong, after it was printed. */
export async function verifyCommand(context: CommandContext, options: VerifyCommandOptions): Promise<void> {
  const { dataDir } = readConfig(context.env);
  const media = options.files ? await MediaStore.open(join(dataDir, 'media')) : undefined;
  const { site } = options;
  const period = { site, from: timeOf('from', options.from), to: timeOf('to', options.to) };
  const proof = await withDatabase(context, (database) =>
    verifyEvidence({ ...period, database, media, trustedKeys: options.key }),
  );
  printAnswer(context, options, proof, () => linesOf(proof));
  if (!proof.isWhole) throw new AppError('EVIDENCE_BROKEN', `${site}: what is stored is not what was signed`);
}

function timeOf(name: string, text: string): Date {
  const ms = parseIsoTime(text.length === 10 ? `${text}T00:00:00Z` : text);
  if (Number.isNaN(ms)) throw new AppError('BAD_REQUEST', `--${name} is not an ISO 8601 time: ${text}`);
  return new Date(ms);
}

function linesOf({ site, from, to, agents, checked, findings, counts, notes, isWhole }: Proof): string[] {
  const { seals, readings, snapshots, files } = checked;
  const listed = findings.map(({ kind, what, detail }) => `${kind}: ${what}: ${detail}`);
  const inAll = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const more = inAll > findings.length ? [`and ${inAll - findings.length} more`] : [];
  const told = Object.entries(notes).map(
    ([kind, count]) => `told apart: ${count} ${NOTES[kind as keyof typeof NOTES]}`,
  );
  const who = agents.length === 0 ? 'no agent signs' : `agents that sign: ${agents.join(', ')}`;
  return [
    `${site}, ${from} to ${to}; ${who}`,
    `${seals} seals, ${readings} readings, ${snapshots} snapshots, ${files} files`,
    ...listed,
    ...more,
    ...told,
    isWhole ? 'nothing is missing, changed or out of order' : `${inAll} things are wrong`,
  ];
}
