// Why a capture ended, read from ffmpeg's last lines: a code to act on and a sentence that an installer understands.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { ChildExit } from './child-process.ts';

interface Rule {
  pattern: RegExp;
  error: (found: RegExpExecArray) => AppError;
}

const unreachable = (message: string): AppError =>
  new AppError('SOURCE_UNREACHABLE', message, { retryable: true });
const unauthorized = (message: string): AppError => new AppError('SOURCE_UNAUTHORIZED', message);

const NO_VIDEO = 'the source has no video; check the path of the stream';

// The first that matches any line wins, so what needs a person stands before what heals by itself.
const RULES: readonly Rule[] = [
  {
    pattern: /\b401\b.*Unauthorized|authorization failed/i,
    error: () => unauthorized('the camera refused the user name or password'),
  },
  {
    pattern: /\b403 Forbidden/i,
    error: () => unauthorized('the camera forbids this user to watch this stream'),
  },
  {
    pattern:
      /\b461\b|Unsupported transport|Nonmatching transport|Nonconforming transport|Protocol not supported/i,
    error: () =>
      new AppError('SOURCE_UNREACHABLE', 'the camera refused the transport', {
        retryable: true,
        detail: { isTransportRefused: true },
      }),
  },
  { pattern: /matches no streams/, error: () => new AppError('SOURCE_UNSUPPORTED', NO_VIDEO) },
  {
    // Only video is set up, so without any the server finds no session to play. It may also have lost one.
    pattern: /PLAY failed: 45[45]\b/,
    error: () => new AppError('SOURCE_UNSUPPORTED', NO_VIDEO, { retryable: true }),
  },
  {
    pattern: /Could not find tag for codec (\w+)/,
    error: ([, codec = 'another codec']) =>
      new AppError(
        'SOURCE_UNSUPPORTED',
        `the camera sends ${codec}; set the stream to H.264 (AVC) in the camera's video settings, or use its second stream`,
        { detail: { codec } },
      ),
  },
  {
    pattern: /dimensions not set|unspecified size/,
    error: () =>
      new AppError(
        'SOURCE_STALLED',
        "no keyframe came in time; set the camera's keyframe interval (I-frame interval, GOP) to one or two seconds",
        { retryable: true },
      ),
  },
  {
    pattern: /\b404\b/,
    error: () => unreachable('the camera has no stream at this path (404); check the path of the URL'),
  },
  {
    pattern: /\b(4\d\d|5\d\d) ([A-Z][\w ]+)$/m,
    error: ([text]) => unreachable(`the camera answered "${text}"`),
  },
  { pattern: /Connection refused/, error: () => unreachable('nothing listens at the address of the camera') },
  { pattern: /No route to host|unreachable/i, error: () => unreachable('the camera cannot be reached') },
  { pattern: /timed out|ETIMEDOUT/i, error: () => unreachable('the camera did not answer in time') },
  { pattern: /resolve hostname/, error: () => unreachable("the camera's host is not known") },
  {
    pattern: /Invalid data found when processing input|Is a directory/,
    error: () =>
      new AppError('SOURCE_UNREACHABLE', 'what is at this address is no video that ffmpeg can read', {
        retryable: true,
        detail: { isNoVideo: true },
      }),
  },
  { pattern: /Permission denied/, error: () => unreachable('the agent may not read the file') },
  { pattern: /No such file or directory/, error: () => unreachable('the file does not exist') },
];

/** ffmpeg has the same words for a camera that says nothing and for one that says what is no RTSP. */
export const MUTE_CAMERA =
  'the camera takes the connection and does not answer; check that this is its RTSP port (mostly 554), close other sessions with it, or restart it';

/** @param wasLive whether it had yielded a picture: its end is then an end, not a failed start. */
export function explainExit(exit: ChildExit, wasLive: boolean): AppError {
  if (exit.spawnError !== undefined) {
    return new AppError('ENCODER_FAILED', `ffmpeg could not be started: ${exit.spawnError}`, {
      retryable: true,
    });
  }
  const text = exit.stderr.join('\n');
  // While live, only the connection matters: a decoder's complaint may hold any number.
  if (wasLive) return ended(exit);
  for (const { pattern, error } of RULES) {
    const found = pattern.exec(text);
    if (found) return error(found);
  }
  if (exit.code === 0) return ended(exit);
  return new AppError('ENCODER_FAILED', `ffmpeg ended (${howOf(exit)}) before a picture came`, {
    retryable: true,
    detail: { stderr: exit.stderr },
  });
}

function ended(exit: ChildExit): AppError {
  return new AppError('SOURCE_ENDED', `the camera ended the stream (ffmpeg: ${howOf(exit)})`, {
    retryable: true,
    detail: { stderr: exit.stderr },
  });
}

function howOf({ code, signal }: ChildExit): string {
  return signal ?? `exit code ${code}`;
}

/** Something came that is no video, or nothing did. */
export function isNoVideo(error: AppError): boolean {
  return error.detail.isNoVideo === true;
}

export function isTransportRefused(error: AppError): boolean {
  return error.detail.isTransportRefused === true;
}
