// Commands to agents and their replies, matched by id. Owns the list of commands that wait; borrows the broker.

import { ulid } from 'ulid';
import type { CommandArgs, CommandOp, Reply } from '@sitecast/shared/protocol/commands';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';

/** The part of the broker that commands need. */
export interface CommandChannel {
  publish(topic: string, payload: Uint8Array, options: { qos: 1 }): void;
  isConnected(agent: AgentAddress): boolean;
}

export const MAX_PENDING_COMMANDS = 256;
export const MAX_PENDING_COMMANDS_PER_AGENT = 32;
const DEFAULT_TIMEOUT_MS = 5_000;
const NEVER = '9999-12-31T23:59:59.999Z';

export interface AgentCommandsOptions {
  channel: CommandChannel;
  clock?: Clock;
  /** Commands that wait for a reply. Policy: reject. */
  maxPending?: number;
  maxPendingPerAgent?: number;
}

interface Pending {
  to: AgentAddress;
  timer: Timer;
  resolve: (result: unknown) => void;
  reject: (error: AppError) => void;
}

export class AgentCommands {
  readonly #options: Required<AgentCommandsOptions>;
  readonly #pending = new Map<string, Pending>();
  #isClosed = false;

  constructor(options: AgentCommandsOptions) {
    this.#options = {
      clock: systemClock,
      maxPending: MAX_PENDING_COMMANDS,
      maxPendingPerAgent: MAX_PENDING_COMMANDS_PER_AGENT,
      ...options,
    };
  }

  /** Commands that wait for a reply. */
  get pending(): number {
    return this.#pending.size;
  }

  /**
   * Sends one command and waits for its reply.
   * @returns what the agent answered, unchecked.
   * @throws {AppError} AGENT_OFFLINE at once when it is not connected, or when it goes; COMMAND_TIMEOUT; QUEUE_FULL;
   * SHUTTING_DOWN; or the code that the agent answered.
   */
  async request<Op extends CommandOp>(
    to: AgentAddress,
    op: Op,
    args: CommandArgs<Op>,
    { timeoutMs = DEFAULT_TIMEOUT_MS }: { timeoutMs?: number } = {},
  ): Promise<unknown> {
    const { channel, clock } = this.#options;
    this.#expectRoom(to);
    const id = ulid(clock.nowMs());
    const expiresAt = new Date(clock.nowMs() + timeoutMs).toISOString();
    const replied = this.#waitFor(id, to, op, timeoutMs);
    channel.publish(topics.command(to), encodeJson({ id, op, args, expiresAt }), { qos: 1 });
    return replied;
  }

  /** A reply is not waited for. */
  tellTime(to: AgentAddress, { healthAt, nowMs }: { healthAt: string; nowMs: number }): void {
    const args: CommandArgs<'clock'> = { healthAt, serverAt: new Date(nowMs).toISOString() };
    // By the clock of an agent that may be wrong, of all things.
    const expiresAt = NEVER;
    const message = { id: ulid(nowMs), op: 'clock', args, expiresAt };
    this.#options.channel.publish(topics.command(to), encodeJson(message), { qos: 1 });
  }

  /** One that nobody waits for (any more), or that comes from another agent than the one asked, is ignored. */
  acceptReply({ site, agent }: AgentAddress, reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (!pending || pending.to.site !== site || pending.to.agent !== agent) return;
    this.#remove(reply.id, pending);
    if (reply.ok) pending.resolve(reply.result);
    else pending.reject(new AppError(reply.error.code, reply.error.message, { detail: { site, agent } }));
  }

  /** Its connection is gone: a reply will not come. */
  agentGone({ site, agent }: AgentAddress): void {
    this.#rejectAll(agentOffline({ site, agent }), ({ to }) => to.site === site && to.agent === agent);
  }

  /** Idempotent; what waits is rejected with SHUTTING_DOWN. */
  close(): void {
    this.#isClosed = true;
    this.#rejectAll(new AppError('SHUTTING_DOWN', 'the server is closing', { retryable: true }), () => true);
  }

  #expectRoom(to: AgentAddress): void {
    const { channel, maxPending, maxPendingPerAgent } = this.#options;
    if (this.#isClosed) throw new AppError('SHUTTING_DOWN', 'the server is closing', { retryable: true });
    if (!channel.isConnected(to)) throw agentOffline(to);
    const ofAgent = [...this.#pending.values()].filter((pending) => pending.to.agent === to.agent).length;
    if (this.#pending.size < maxPending && ofAgent < maxPendingPerAgent) return;
    throw new AppError(
      'QUEUE_FULL',
      `${ofAgent} commands wait for agent ${to.agent}, ${this.#pending.size} in all`,
      {
        retryable: true,
      },
    );
  }

  #waitFor(id: string, to: AgentAddress, op: CommandOp, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(timeoutMs, () => {
        this.#pending.delete(id);
        const message = `agent ${to.site}/${to.agent} did not answer ${op} within ${timeoutMs} ms`;
        reject(new AppError('COMMAND_TIMEOUT', message, { retryable: true }));
      });
      this.#pending.set(id, { to, timer, resolve, reject });
    });
  }

  #rejectAll(error: AppError, isMeant: (pending: Pending) => boolean): void {
    for (const [id, pending] of this.#pending) {
      if (!isMeant(pending)) continue;
      this.#remove(id, pending);
      pending.reject(error);
    }
  }

  #remove(id: string, { timer }: Pending): void {
    timer.cancel();
    this.#pending.delete(id);
  }
}

function agentOffline({ site, agent }: AgentAddress): AppError {
  return new AppError('AGENT_OFFLINE', `agent ${site}/${agent} is not connected`, { retryable: true });
}
