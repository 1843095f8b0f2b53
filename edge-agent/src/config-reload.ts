// Takes a changed configuration over while everything runs: cameras and rules, each only where it is another one. A configuration
// with errors is refused as a whole, and so is one that would need what the agent did not find at its start.

import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { redact, type Logger } from '@sitecast/shared/node/logger';
import type { Clips } from './clips/clips.ts';
import { keysThatNeedRestart } from './config-changes.ts';
import type { AgentConfig } from './config.ts';
import type { LivePublisher } from './live/live-publisher.ts';
import type { CameraRack, Exchange } from './rack/camera-rack.ts';
import type { RuleEngine } from './rules/rule-engine.ts';

/** Lines of one refusal in the log. Policy: the first are kept, the rest counted. Bounds in edge-agent/README.md. */
export const MAX_REFUSAL_LINES = 50;
const MAX_REFUSAL_CHARACTERS = 500;
const MAX_KEYS = 64;

export interface ConfigReloadOptions {
  /** In force since the start. */
  config: AgentConfig;
  /** @throws {AppError} CONFIG_INVALID */
  read: () => Promise<AgentConfig>;
  rack: Pick<CameraRack, 'get' | 'exchange' | 'closeAll'>;
  live: Pick<LivePublisher, 'forget'>;
  clips: Pick<Clips, 'camerasChanged'> | undefined;
  rules: Pick<RuleEngine, 'apply'>;
  inventory: { changed(): void };
  logger: Logger;
  clock?: Clock;
}

/** Borrows all parts. */
export class ConfigReload {
  readonly #options: ConfigReloadOptions;
  readonly #clock: Clock;
  #config: AgentConfig;
  #health: AgentHealth['reload'] = null;
  #isClosed = false;

  constructor(options: ConfigReloadOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#config = options.config;
  }

  /** Of the last one; null when there was none. */
  get health(): AgentHealth['reload'] {
    return this.#health;
  }

  /** Never rejects: why the agent goes on as it was is logged, and told by health. The caller begins one at a time. */
  async reload(): Promise<void> {
    try {
      const next = await this.#options.read();
      if (!this.#isClosed) await this.#takeOver(next);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** What was begun goes no further than it is. */
  close(): void {
    this.#isClosed = true;
  }

  async #takeOver(next: AgentConfig): Promise<void> {
    const { rack, live, clips, rules, inventory } = this.#options;
    const needRestart = keysThatNeedRestart(this.#config, next);
    const exchange = rack.exchange(next.cameras);
    this.#config = { ...this.#config, cameras: next.cameras, rules: next.rules };
    const leaving = new Set(exchange.leaving.map(({ id }) => id));
    for (const id of leaving) live.forget(id);
    clips?.camerasChanged(leaving);
    rules.apply(next.rules);
    inventory.changed();
    this.#note(null, needRestart);
    this.#log(exchange, needRestart);
    // A camera may refuse a second session, and what those that leave hold is given to those that come.
    await rack.closeAll(exchange.leaving);
    if (!this.#isClosed) for (const unit of exchange.arriving) unit.start();
  }

  #log({ leaving, arriving }: Exchange, keys: string[]): void {
    const { rack, logger } = this.#options;
    const left = leaving.map(({ id }) => id);
    const arrived = arriving.map(({ id }) => id);
    const changed = arrived.filter((id) => left.includes(id));
    const added = arrived.filter((id) => !left.includes(id));
    const removed = left.filter((id) => rack.get(id) === undefined);
    logger.info({ added, changed, removed }, 'the configuration was read again');
    if (keys.length > 0)
      logger.warn({ keys }, `needs a restart, and is as before until then: ${keys.join(', ')}`);
  }

  #refuse(error: unknown): void {
    const { logger } = this.#options;
    const [first = '', ...rest] = redact(messageOf(error)).split('\n');
    logger.error(
      { reason: first },
      'the configuration is refused; the agent goes on with the one that it has',
    );
    for (const line of rest.slice(0, MAX_REFUSAL_LINES)) logger.error(line.trim());
    if (rest.length > MAX_REFUSAL_LINES) logger.error(`and ${rest.length - MAX_REFUSAL_LINES} more`);
    this.#note([first, ...rest].join('\n').slice(0, MAX_REFUSAL_CHARACTERS), this.#health?.needRestart ?? []);
  }

  #note(refused: string | null, needRestart: string[]): void {
    const at = new Date(this.#clock.nowMs()).toISOString();
    this.#health = { at, refused, needRestart: needRestart.slice(0, MAX_KEYS) };
  }
}
