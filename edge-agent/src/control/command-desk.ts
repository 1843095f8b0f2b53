// Commands of the server: checked, carried out once each, answered.

import {
  command,
  type Command,
  type CommandArgs,
  type CommandOp,
  type Reply,
} from '@sitecast/shared/protocol/commands';
import { isUlid } from '@sitecast/shared/protocol/ids';
import { decodeMessage, encodeJson, parseJson } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import type { AgentErrorCode } from '../errors.ts';

/** Command ids remembered with their replies. Policy: drop-oldest. */
export const REMEMBERED_MAX_COMMANDS = 256;
/** Commands under way at once. Policy: reject. */
export const RUNNING_MAX_COMMANDS = 16;
const MAX_MESSAGE_CHARACTERS = 500;

export type Operations = {
  [Op in CommandOp]: (args: CommandArgs<Op>) => Promise<unknown>;
};

export interface CommandDeskOptions {
  address: AgentAddress;
  publish: (topic: string, payload: Uint8Array) => Promise<void>;
  operations: Operations;
  /** By the clock of the server, which stamps `expiresAt`, as far as it is known. */
  serverNowMs: () => number;
  /** After the reply to `restart` was delivered, or could not be. */
  onRestart: () => void;
  logger: Logger;
}

/** Owns the memory of commands. */
export class CommandDesk {
  readonly topic: string;
  readonly #options: CommandDeskOptions;
  /** The reply of each known command; undefined while it is under way. */
  readonly #known = new Map<string, Reply | undefined>();
  #running = 0;

  constructor(options: CommandDeskOptions) {
    this.topic = topics.command(options.address);
    this.#options = options;
  }

  /** Never throws: whatever is wrong is answered, or logged when there is nobody to answer to. */
  receive(payload: Uint8Array): void {
    let received: Command;
    try {
      received = decodeMessage(command, payload);
    } catch (error) {
      return this.#refuseUnreadable(payload, error);
    }
    if (this.#known.has(received.id)) return this.#answerAgain(received.id);
    this.#remember(received.id);
    void this.#handle(received);
  }

  async #handle(received: Command): Promise<void> {
    this.#running += 1;
    const reply = await this.#execute(received);
    this.#running -= 1;
    if (this.#known.has(received.id)) this.#known.set(received.id, reply);
    await this.#send(reply);
    if (received.op === 'restart' && reply.ok) this.#options.onRestart();
  }

  async #execute(received: Command): Promise<Reply> {
    const { id, op } = received;
    try {
      this.#expectInTime(received);
      if (this.#running > RUNNING_MAX_COMMANDS) {
        throw new AppError('QUEUE_FULL', `${RUNNING_MAX_COMMANDS} commands are under way`, {
          retryable: true,
        });
      }
      return { id, ok: true, result: (await this.#dispatch(received)) ?? null };
    } catch (error) {
      if (!isAppError(error)) this.#options.logger.error({ err: error, op }, 'a command failed');
      return failure(id, error);
    }
  }

  /** `clock` tells by how much the clock is wrong, and is judged by its round trip. */
  #expectInTime({ op, expiresAt }: Command): void {
    const nowMs = this.#options.serverNowMs();
    if (op === 'clock' || nowMs <= Date.parse(expiresAt)) return;
    const now = new Date(nowMs).toISOString();
    throw new AppError('COMMAND_EXPIRED', `${op} expired at ${expiresAt}; the gateway takes it for ${now}`);
  }

  #dispatch({ op, args }: Command): Promise<unknown> {
    // Each operation takes the arguments of its own `op`; the pairing is lost to the type checker in a lookup.
    const operation = this.#options.operations[op] as (args: Command['args']) => Promise<unknown>;
    return operation(args);
  }

  #answerAgain(id: string): void {
    const reply = this.#known.get(id);
    // Under way: the answer comes by itself.
    if (reply) void this.#send(reply);
  }

  #refuseUnreadable(payload: Uint8Array, cause: unknown): void {
    this.#options.logger.warn({ reason: messageOf(cause) }, 'a command could not be read');
    const id = idOf(payload);
    if (id) void this.#send(failure(id, new AppError(codeOfUnreadable(payload), messageOf(cause))));
  }

  async #send(reply: Reply): Promise<void> {
    try {
      await this.#options.publish(topics.reply(this.#options.address), encodeJson(reply));
    } catch (error) {
      this.#options.logger.warn({ reason: messageOf(error), id: reply.id }, 'a reply was not delivered');
    }
  }

  #remember(id: string): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= REMEMBERED_MAX_COMMANDS && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(id, undefined);
  }
}

function failure(id: string, error: unknown): Reply {
  const code = isAppError(error) ? error.code : 'INTERNAL';
  const message = isAppError(error)
    ? error.message
    : 'the command failed; the log of the agent has the details';
  return { id, ok: false, error: { code, message: message.slice(0, MAX_MESSAGE_CHARACTERS) } };
}

function field(payload: Uint8Array, name: string): unknown {
  try {
    const message = parseJson(payload.subarray(0, 64 * 1024));
    return typeof message === 'object' && message !== null
      ? (message as Record<string, unknown>)[name]
      : undefined;
  } catch {
    return undefined;
  }
}

function idOf(payload: Uint8Array): string | undefined {
  const id = field(payload, 'id');
  return typeof id === 'string' && isUlid(id) ? id : undefined;
}

/** A newer server may know commands that this agent does not. */
function codeOfUnreadable(payload: Uint8Array): AgentErrorCode {
  const op = field(payload, 'op');
  const isKnown = command.options.some(({ shape }) => shape.op.value === op);
  return isKnown ? 'BAD_REQUEST' : 'NOT_SUPPORTED';
}
