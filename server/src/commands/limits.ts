// `sitecast-server limits`: the table of LIMITS.md with the settings of this machine, and whether it fits.

import { readLimitsConfig } from '../config.ts';
import { findMemoryLimit } from '../guard/memory-limit.ts';
import { checkFit, limitRows, sumOf } from '../limits.ts';
import { printAnswer, table, type CommandContext } from './context.ts';

export async function printLimits(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const config = readLimitsConfig(context.env);
  const limits = limitRows(config);
  const memory = await findMemoryLimit(config.memoryLimitBytes);
  const sumBytes = sumOf(limits);
  const fits = sumBytes <= memory.bytes;
  printAnswer(context, options, { limits, sumBytes, memory, fits }, () => [
    ...table([
      ['LIMIT', 'VALUE', 'UNIT', 'AT THE BOUND', 'WORST CASE MiB', 'SETTING'],
      ...limits.map(({ name, value, unit, policy, worstCaseBytes, env }) => [
        name,
        value,
        unit,
        policy,
        toMib(worstCaseBytes),
        env ?? '',
      ]),
    ]),
    '',
    `Sum ${toMib(sumBytes)} MiB of ${toMib(memory.bytes)} MiB (${memory.source}): ${fits ? 'fits' : 'does not fit'}`,
  ]);
  checkFit(limits, memory);
}

const toMib = (bytes: number): number => Math.ceil((bytes / 1024 / 1024) * 10) / 10;
