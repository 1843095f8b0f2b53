// The single list of everything that can fill up: how much, what happens at the bound, where that is counted, and what it
// costs at the worst. `sitecast-server limits` prints it, LIMITS.md repeats it, GET system carries it.

import { MIB } from '@sitecast/shared/protocol/limits';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { ServerConfig } from './config.ts';
import type { MemoryLimit } from './guard/memory-limit.ts';
import { alertRows } from './limits/alert-rows.ts';
import { brokerRows, relayRows, webRows } from './limits/connection-rows.ts';
import { foreignRows } from './limits/foreign-rows.ts';
import { identityRows, fleetRows, guardRows } from './limits/fleet-rows.ts';
import { ingestRows, uploadRows, clipRows, telemetryRows, databaseRows } from './limits/ingest-rows.ts';
import { row, type LimitRow } from './limits/limit-row.ts';
import { retentionRows } from './limits/retention-rows.ts';
import { timelineRows } from './limits/timeline-rows.ts';
import { reportRows } from './limits/report-rows.ts';
import { table } from './text-table.ts';

/** Code, heap and stacks of the idle server with its libraries; measured 115 MiB of RSS, rounded up. */
const PROCESS_BYTES = 128 * MIB;

export function limitRows(config: ServerConfig): LimitRow[] {
  return [
    row('process', 1, 'process', 'reject', { bytes: PROCESS_BYTES }),
    ...brokerRows(config),
    ...relayRows(config),
    ...ingestRows(config),
    ...uploadRows(config),
    ...clipRows(),
    ...retentionRows(config),
    ...telemetryRows(config),
    ...foreignRows(),
    ...reportRows(config),
    ...timelineRows(),
    ...alertRows(config),
    ...databaseRows(config),
    ...webRows(config),
    ...identityRows(),
    ...fleetRows(config),
    ...guardRows(),
    row('free space in DATA_DIR, at least', config.minFreeDiskBytes, 'bytes', 'report', {
      env: 'MIN_FREE_DISK_BYTES',
    }),
  ];
}

export function sumOf(limits: readonly LimitRow[]): number {
  return limits.reduce((sum, { worstCaseBytes }) => sum + worstCaseBytes, 0);
}

/** @throws {AppError} LIMITS_DO_NOT_FIT with the table when all bounds at once are above the memory there is. */
export function checkFit(limits: readonly LimitRow[], memory: MemoryLimit): void {
  if (sumOf(limits) <= memory.bytes) return;
  throw new AppError(
    'LIMITS_DO_NOT_FIT',
    `the limits do not fit into the memory\n${limitsAsText(limits, memory).join('\n')}\n`,
  );
}

/** Lines for a terminal. */
export function limitsAsText(limits: readonly LimitRow[], memory: MemoryLimit): string[] {
  const worstCase = 'WORST CASE MiB';
  const rows = limits.map(({ name, value, unit, policy, worstCaseBytes, env }) => [
    name,
    value,
    unit,
    policy,
    toMib(worstCaseBytes).padStart(worstCase.length),
    env ?? '',
  ]);
  return [
    ...table([['LIMIT', 'VALUE', 'UNIT', 'AT THE BOUND', worstCase, 'SETTING'], ...rows]),
    '',
    sumLine(limits, memory),
  ];
}

export function sumLine(limits: readonly LimitRow[], { bytes, source }: MemoryLimit): string {
  const sumBytes = sumOf(limits);
  const verdict = sumBytes <= bytes ? 'fits' : 'does not fit';
  return `Sum ${toMib(sumBytes)} MiB of ${toMib(bytes)} MiB (${source}): ${verdict}`;
}

/** The table of LIMITS.md, with defaults. */
export function limitsAsMarkdown(limits: readonly LimitRow[]): string {
  const cells = limits.map(({ name, value, unit, policy, counter, worstCaseBytes, env }) => [
    name,
    `${value} ${unit}`,
    env === null ? '' : `\`${env}\``,
    `\`${policy}\``,
    counter === null ? '' : `\`${counter}\``,
    worstCaseBytes === 0 ? '' : toMib(worstCaseBytes),
  ]);
  const header = ['Limit', 'Default', 'Setting', 'At the bound', 'Counter', 'Worst case, MiB'];
  return [header, header.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
