// Which encoder this gateway uses: what it has is found out by encoding, because a list of names says nothing of the hardware.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { redact, type Logger } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { FfmpegBinary } from '../ffmpeg-binary.ts';
import { trialArguments } from './encoder-arguments.ts';
import {
  HARDWARE_ENCODERS,
  type EncoderSetting,
  type HardwareEncoder,
  type VideoEncoder,
} from './video-encoders.ts';

/** For one second of picture; hardware that takes longer is of no use for live pictures. */
const TRIAL_TIMEOUT_MS = 8_000;
const LIST_TIMEOUT_MS = 15_000;
const MAX_REASON_CHARACTERS = 200;
const MAX_OUTPUT_BYTES = 1024 * 1024;

export interface EncoderChoice {
  encoder: VideoEncoder;
  /** What was not taken, and why. */
  rejected: { encoder: HardwareEncoder; reason: string }[];
}

export interface EncoderChoiceOptions {
  ffmpeg: FfmpegBinary;
  setting: EncoderSetting;
  logger: Logger;
  /** Ends the trial under way; the choice is then software. */
  signal?: AbortSignal;
}

const run = promisify(execFile);

/** Tries one hardware encoder after the other; never rejects: libx264 is what is left. */
export async function chooseEncoder(options: EncoderChoiceOptions): Promise<EncoderChoice> {
  const rejected: EncoderChoice['rejected'] = [];
  const candidates = candidatesOf(options.setting);
  const listed = candidates.length > 0 ? await listedEncoders(options) : '';
  for (const encoder of candidates) {
    const reason = listed.includes(` ${encoder} `)
      ? await reasonAgainst(encoder, options)
      : 'this ffmpeg does not have it';
    if (reason === undefined) return told({ encoder, rejected }, options.logger);
    rejected.push({ encoder, reason });
  }
  return told({ encoder: 'libx264', rejected }, options.logger);
}

function candidatesOf(setting: EncoderSetting): readonly HardwareEncoder[] {
  if (setting === 'auto') return HARDWARE_ENCODERS;
  return setting === 'software' ? [] : [setting];
}

async function listedEncoders({ ffmpeg, signal }: EncoderChoiceOptions): Promise<string> {
  try {
    const options = { timeout: LIST_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, signal };
    return (await run(ffmpeg.path, ['-hide_banner', '-encoders'], options)).stdout;
  } catch {
    return '';
  }
}

async function reasonAgainst(
  encoder: HardwareEncoder,
  { ffmpeg, signal }: EncoderChoiceOptions,
): Promise<string | undefined> {
  try {
    const limits = { timeout: TRIAL_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, killSignal: 'SIGKILL' } as const;
    await run(ffmpeg.path, trialArguments({ ffmpeg, encoder }), { ...limits, signal });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  const { stderr, killed } = error as { stderr?: string; killed?: boolean };
  if (killed) return `no picture within ${TRIAL_TIMEOUT_MS / 1000} s`;
  const [line] = (stderr ?? '').split('\n').filter((text) => text.trim() !== '');
  return redact(line ?? messageOf(error)).slice(0, MAX_REASON_CHARACTERS);
}

function told(choice: EncoderChoice, logger: Logger): EncoderChoice {
  logger.info(choice, 'video encoder chosen');
  return choice;
}
