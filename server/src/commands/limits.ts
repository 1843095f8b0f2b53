// `sitecast-server limits`: the table of LIMITS.md with the settings of this machine, and whether it fits.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { readLimitsConfig } from '../config.ts';
import { findMemoryLimit } from '../guard/memory-limit.ts';
import { limitRows, limitsAsText, sumLine, sumOf } from '../limits.ts';
import { printAnswer, type CommandContext } from './context.ts';

export async function printLimits(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const config = readLimitsConfig(context.env);
  const limits = limitRows(config);
  const { bytes, source } = await findMemoryLimit(config.memoryLimitBytes);
  const memory = { bytes, source };
  const sumBytes = sumOf(limits);
  const fits = sumBytes <= memory.bytes;
  printAnswer(context, options, { limits, sumBytes, memory, fits }, () => limitsAsText(limits, memory));
  if (!fits) throw new AppError('LIMITS_DO_NOT_FIT', sumLine(limits, memory));
}
