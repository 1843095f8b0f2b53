// Whether the disk takes what the spool writes; says so when that changes.

import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';

type Disk = AgentHealth['spool']['disk'];

const STATES: Record<string, Disk['state']> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EROFS: 'read-only',
  EIO: 'failing',
};

/** Trouble that may go away by itself or by somebody's hand, rather than a mistake of the installation. */
export function isDiskTrouble(error: unknown): boolean {
  return codeOf(error) in STATES;
}

export class DiskState {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #disk: Disk = { state: 'ok', since: null, detail: null };

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  get disk(): Disk {
    return this.#disk;
  }

  failed(error: unknown): void {
    const state = STATES[codeOf(error)] ?? 'failing';
    if (state === this.#disk.state) return;
    const since = new Date(this.#clock.nowMs()).toISOString();
    this.#disk = { state, since, detail: messageOf(error).slice(0, 300) };
    this.#logger.error({ disk: this.#disk }, 'the disk takes nothing: what should be spooled is lost');
  }

  worked(): void {
    if (this.#disk.state === 'ok') return;
    this.#logger.info({ disk: this.#disk }, 'the disk takes messages again');
    this.#disk = { state: 'ok', since: null, detail: null };
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
