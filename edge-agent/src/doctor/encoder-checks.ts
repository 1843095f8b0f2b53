// Whether a stream can be encoded here, by what, and how many at a time: found out by encoding, as the agent does.

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { createLogger, redact } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { trialArguments } from '../camera/encoder/encoder-arguments.ts';
import { chooseEncoder, type EncoderChoice } from '../camera/encoder/encoder-choice.ts';
import { findFfmpeg, type FfmpegBinary } from '../camera/ffmpeg-binary.ts';
import type { AgentConfig } from '../config.ts';
import { failed, ok, skipped, warning, type Finding } from '@sitecast/shared/node/check';

/** Of the whole choice: five encoders that hang one after the other take longer than anybody waits. */
const CHOICE_TIMEOUT_MS = 20_000;
/** For one second of picture. */
const TRIAL_TIMEOUT_MS = 10_000;
const MAX_REASON_CHARACTERS = 80;

type Config = Pick<AgentConfig, 'dataDir' | 'ffmpegPath' | 'encoder' | 'encoders' | 'cameras'>;

export interface EncoderCheckOptions {
  searchPath: string | undefined;
  /** Ends the trial under way. */
  signal: AbortSignal;
  cores?: number;
  choiceTimeoutMs?: number;
}

export async function checkEncoders(config: Config, options: EncoderCheckOptions): Promise<Finding> {
  const { ffmpegPath, dataDir, encoder: setting } = config;
  const { searchPath, signal, cores = availableParallelism(), choiceTimeoutMs = CHOICE_TIMEOUT_MS } = options;
  const ffmpeg = await findFfmpeg({ configuredPath: ffmpegPath, searchPath, dataDir }).catch(() => undefined);
  if (!ffmpeg) return skipped('there is no ffmpeg to encode with');
  const late = AbortSignal.timeout(choiceTimeoutMs);
  const logger = createLogger({ name: 'doctor', level: 'silent' });
  const choice = await chooseEncoder({ ffmpeg, setting, logger, signal: AbortSignal.any([signal, late]) });
  const why = [
    `"encoder: ${setting}"`,
    rejectionsOf(choice),
    late.aborted ? 'not all were tried in time' : '',
  ];
  const chosen = `${choice.encoder} by ${why.filter((part) => part !== '').join('; ')}`;
  const reason = choice.encoder === 'libx264' ? await reasonAgainstSoftware(ffmpeg, signal) : undefined;
  if (reason !== undefined) return noneWorks(`${chosen}; libx264 does not work either: ${reason}`, config);
  return judged(chosen, choice, config, cores);
}

function judged(
  chosen: string,
  { encoder, rejected }: EncoderChoice,
  { encoder: setting, encoders: { maxProcesses }, cameras }: Config,
  cores: number,
): Finding {
  const text = `${chosen}; up to ${counted(maxProcesses, 'process', 'processes')} on ${counted(cores, 'core', 'cores')}`;
  if (setting !== 'auto' && rejected.length > 0) {
    const advice = `install the driver of ${setting} and let the user of the agent use its device, or set "encoder: auto"; until then the processor encodes`;
    return warning(text, advice);
  }
  // Hardware does the work elsewhere: there the cores are no measure.
  if (encoder === 'libx264' && maxProcesses > cores) {
    const fitting = Math.max(1, cores - 1);
    return warning(
      text,
      `set "encoders.maxProcesses" to ${fitting}: more than there are cores make every picture late`,
    );
  }
  const masked = maskedOf(cameras);
  if (masked.length <= maxProcesses) return ok(text);
  return warning(
    text,
    `${masked.length} cameras have masks, and each takes an encoder while somebody watches it: raise "encoders.maxProcesses" where there are cores to spare, or ${maxProcesses} at a time can be watched`,
  );
}

/** What needs an encoder: it is a failure only where every live view does. */
function noneWorks(text: string, { cameras }: Config): Finding {
  const masked = maskedOf(cameras);
  const advice = 'install an ffmpeg with libx264, for instance with: apt-get install ffmpeg';
  if (masked.length > 0)
    return failed(text, `${advice}; without it ${masked.join(', ')} cannot be watched, because of the masks`);
  return warning(
    text,
    `${advice}; without it there is no "low" but from a "subStream", no masks, and only cameras with H.264 can be watched`,
  );
}

function maskedOf(cameras: Config['cameras']): string[] {
  return cameras.filter(({ masks }) => masks.length > 0).map(({ id }) => id);
}

/** Those with the same reason together. */
function rejectionsOf({ rejected }: EncoderChoice): string {
  const byReason = new Map<string, string[]>();
  for (const { encoder, reason } of rejected) {
    const short = shortened(reason);
    byReason.set(short, [...(byReason.get(short) ?? []), encoder]);
  }
  return [...byReason].map(([reason, encoders]) => `not ${encoders.join(', ')}: ${reason}`).join('; ');
}

/** Encodes a second with it: `chooseEncoder` takes it untried, as the last that is left. */
async function reasonAgainstSoftware(ffmpeg: FfmpegBinary, signal: AbortSignal): Promise<string | undefined> {
  const limits = { timeout: TRIAL_TIMEOUT_MS, killSignal: 'SIGKILL', signal } as const;
  try {
    await promisify(execFile)(ffmpeg.path, trialArguments({ ffmpeg, encoder: 'libx264' }), limits);
    return undefined;
  } catch (error) {
    const { stderr = '', killed } = error as { stderr?: string; killed?: boolean };
    if (killed) return `no picture within ${TRIAL_TIMEOUT_MS / 1000} s`;
    return shortened(stderr.split('\n').find((line) => line.trim() !== '') ?? messageOf(error));
  }
}

/** Without the address that ffmpeg puts before its lines, such as `[h264_nvenc @ 0x55d0c8]`. */
function shortened(reason: string): string {
  return redact(reason.replace(/^\[\w+ @ 0x[0-9a-f]+\] /, '').replace(/\.?\s*$/, '')).slice(
    0,
    MAX_REASON_CHARACTERS,
  );
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
