// Asks a device for its streams, within bounds of time, bytes and memory, whatever it answers. Owns the worker.

import { Worker } from 'node:worker_threads';
import { redact } from '@sitecast/shared/node/logger';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { FoundDevice } from './camera-search.ts';
import { isRefusal, workerMessage, type DeviceAnswer, type DeviceRequest } from './onvif-answer.ts';
import { plainText } from './plain-text.ts';

export interface AskOptions {
  device: FoundDevice;
  user: string;
  password: string;
  signal: AbortSignal;
  /** The built file of onvif-worker.ts: a thread runs no TypeScript. */
  workerUrl?: URL;
  deadlineMs?: number;
  clock?: Clock;
}

/** Policy: the connection, or the thread, is ended. Bounds in edge-agent/README.md. */
export const DEVICE_DEADLINE_MS = 20_000;
export const DEVICE_MAX_BYTES = 2 * 1024 * 1024;
export const WORKER_MAX_HEAP_MIB = 64;
const REQUEST_TIMEOUT_MS = 5_000;

const BUILT_WORKER = new URL('./onvif-worker.js', import.meta.url);

/** @throws {AppError} SOURCE_UNAUTHORIZED, SOURCE_UNREACHABLE, FRAME_MALFORMED, SHUTTING_DOWN; never with the password. */
export function askDevice(options: AskOptions): Promise<DeviceAnswer> {
  const { signal, deadlineMs = DEVICE_DEADLINE_MS, clock = systemClock } = options;
  const worker = startWorker(options);
  return new Promise<DeviceAnswer>((resolve, reject) => {
    const stop = (): void => reject(new AppError('SHUTTING_DOWN', 'stopped before the device had answered'));
    const timer = clock.after(deadlineMs, () =>
      reject(unreachable(`it took more than ${deadlineMs / 1000} s`)),
    );
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    worker.once('message', (message: unknown) => {
      try {
        resolve(readMessage(message));
      } catch (error) {
        reject(error instanceof Error ? error : unreachable(messageOf(error)));
      }
    });
    worker.once('error', (error) => reject(malformed(error)));
    // Whatever came first has settled it; `exit` alone is a thread that ended without a word.
    worker.once('exit', () => {
      timer.cancel();
      signal.removeEventListener('abort', stop);
      reject(unreachable('it ended without an answer'));
    });
  }).finally(() => worker.terminate());
}

function startWorker({ device, user, password, workerUrl = BUILT_WORKER }: AskOptions): Worker {
  const { address: host, port, path, isTls } = device;
  const limits = { timeoutMs: REQUEST_TIMEOUT_MS, maxBytes: DEVICE_MAX_BYTES };
  const worker = new Worker(workerUrl, {
    workerData: { host, port, path, isTls, user, password, ...limits } satisfies DeviceRequest,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_MAX_HEAP_MIB },
    env: {},
    execArgv: [],
    stderr: true,
  });
  // What the package warns of is nothing for whoever reads the list.
  worker.stderr.resume();
  return worker;
}

function readMessage(message: unknown): DeviceAnswer {
  const read = workerMessage.safeParse(message);
  if (!read.success) throw malformed(read.error);
  if ('answer' in read.data) return read.data.answer;
  const { failure } = read.data;
  if (isRefusal(failure)) {
    throw new AppError('SOURCE_UNAUTHORIZED', 'it refuses the user name or password');
  }
  throw unreachable(redact(failure));
}

function unreachable(message: string): AppError {
  return new AppError('SOURCE_UNREACHABLE', message, { retryable: true });
}

function malformed(error: unknown): AppError {
  return new AppError(
    'FRAME_MALFORMED',
    `its answers could not be read: ${plainText(redact(messageOf(error)))}`,
  );
}
