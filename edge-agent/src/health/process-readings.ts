// What each ffmpeg of the agent takes: processor since the last reading, and memory.

import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { cpuMsOf, rssBytesOf } from '../camera/process-usage.ts';

export interface WatchedProcess {
  camera: string;
  /** null: the camera's capture. */
  profile: AgentHealth['processes'][number]['profile'];
  encoder: string | null;
  pid: number;
}

export interface ProcessReadingsOptions {
  clock?: Clock;
  usage?: { cpuMsOf: (pid: number) => number; rssBytesOf: (pid: number) => number };
}

/** Remembers one number a process, and only those of the last reading. */
export class ProcessReadings {
  readonly #clock: Clock;
  readonly #usage: NonNullable<ProcessReadingsOptions['usage']>;
  #before = new Map<number, number>();
  #readAtMs: number;

  constructor({ clock = systemClock, usage = { cpuMsOf, rssBytesOf } }: ProcessReadingsOptions = {}) {
    this.#clock = clock;
    this.#usage = usage;
    this.#readAtMs = clock.monotonicMs();
  }

  /** `cpuPercent` is of one core; of a process that has come since the last reading, as if it had run all the time. */
  read(processes: readonly WatchedProcess[]): AgentHealth['processes'] {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = Math.max(1, nowMs - this.#readAtMs);
    const cpuMs = new Map(processes.map(({ pid }) => [pid, this.#usage.cpuMsOf(pid)]));
    const answer = processes.map(({ pid, ...process }) => {
      const spentMs = Math.max(0, (cpuMs.get(pid) ?? 0) - (this.#before.get(pid) ?? 0));
      const cpuPercent = Math.round((1_000 * spentMs) / elapsedMs) / 10;
      return { ...process, cpuPercent, rssBytes: this.#usage.rssBytesOf(pid) };
    });
    this.#before = cpuMs;
    this.#readAtMs = nowMs;
    return answer;
  }
}
