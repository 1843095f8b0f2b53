// `sitecast-server verify` of the month that was signed, as an operator runs it beside the server.

import { setTimeout as delay } from 'node:timers/promises';
import type { Proof } from '../../src/evidence/proof.ts';
import { usageOf } from '../harness/process-usage.ts';
import { startVerb } from '../harness/sitecast-server.ts';
import { round } from '../harness/statistics.ts';
import type { Year } from './dataset.ts';
import { SITE } from './names.ts';

const SAMPLE_MS = 100;

export interface VerifyResult {
  seconds: number;
  rssMiB: number;
  /** What was looked at; undefined when it ended without an answer. */
  checked: Proof['checked'] | undefined;
  /** Everything was looked at, and found whole. */
  isWhole: boolean;
  /** Its last words, where it is not. */
  said: string;
}

export async function measureVerify(
  { server, dataDir, dataset: { signed } }: Year,
  signal: AbortSignal,
): Promise<VerifyResult> {
  const [from, to] = [signed.fromMs, signed.toMs].map((ms) => new Date(ms).toISOString());
  const args = ['verify', '--site', SITE, '--from', from!, '--to', to!, '--json'];
  const startMs = performance.now();
  await using program = startVerb(args, { DATABASE_URL: server.database.url, DATA_DIR: dataDir });
  let rssBytes = 0;
  while (program.isRunning) {
    await delay(SAMPLE_MS, undefined, { signal });
    rssBytes = Math.max(rssBytes, usageOf([program.pid]).rssBytes);
  }
  const seconds = round((performance.now() - startMs) / 1_000, 1);
  const proof = proofIn(program.output);
  const { checked } = proof ?? {};
  const isAll =
    checked?.readings === signed.readings &&
    checked.snapshots === signed.snapshots &&
    checked.seals === signed.seals;
  const isWhole = proof?.isWhole === true && isAll;
  const said = isWhole ? '' : program.output.slice(-1_000);
  return { seconds, rssMiB: round(rssBytes / 2 ** 20, 0), checked, isWhole, said };
}

function proofIn(output: string): Proof | undefined {
  const json = output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1);
  try {
    return JSON.parse(json) as Proof;
  } catch {
    return undefined;
  }
}
