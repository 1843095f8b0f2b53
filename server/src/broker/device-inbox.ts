// Takes what devices publish: checks that they may, hands it on, and decides between PUBACK, drop and hang-up.
// Borrows the handlers; owns the list of messages that are being stored.

import { encodeJson } from '@sitecast/shared/protocol/json-message';
import type { ParsedTopic } from '@sitecast/shared/protocol/topics';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import { errorsTopicOf, publishableTopic } from './access.ts';
import type { Outcome, Publication } from './aedes-engine.ts';
import type { DeviceBrokerCounters, DeviceHandlers, DeviceIdentity } from './device.ts';
import type { Connection } from './device-connections.ts';
import type { ThrottledLog } from './throttled-log.ts';

export interface DeviceInboxOptions {
  handlers: DeviceHandlers;
  counters: DeviceBrokerCounters;
  publish: (topic: string, payload: Uint8Array) => void;
  clock: Clock;
  log: ThrottledLog;
}

// Said of the server rather than of the message, whatever the error claims: such a message must come again.
const OUR_OWN_CODES: ReadonlySet<string> = new Set([
  'SHUTTING_DOWN',
  'STORE_UNAVAILABLE',
  'QUEUE_FULL',
  'MEMORY_PRESSURE',
  'INTERNAL',
]);

export class DeviceInbox {
  readonly #options: DeviceInboxOptions;
  readonly #storing = new Set<Promise<Outcome>>();

  constructor(options: DeviceInboxOptions) {
    this.#options = options;
  }

  /** @returns undefined when it was dealt with at once, as every live frame is. */
  take(connection: Connection, publication: Publication): Promise<Outcome> | undefined {
    const { device } = connection;
    const topic = device && publishableTopic(device, connection.listener, publication.topic);
    if (!device || !topic) {
      if (device) this.#options.handlers.onForbidden?.(device, publication);
      this.#drop(connection, publication, () => notAllowed(connection, publication));
      return undefined;
    }
    if (topic.kind === 'live') {
      this.#takeLiveFrame(connection, device, topic, publication);
      return undefined;
    }
    return this.#store(connection, device, topic, publication);
  }

  /** The Will of a connection that broke: like a message, but there is nobody left to tell. */
  async takeWill({ device }: Connection, publication: Publication): Promise<void> {
    const topic = device && publishableTopic(device, 'data', publication.topic);
    if (!device || topic?.kind !== 'status') return;
    const { handlers, clock, log } = this.#options;
    try {
      await handlers.onMessage({
        from: device,
        topic,
        payload: publication.payload,
        receivedAtMs: clock.nowMs(),
      });
    } catch (error) {
      log.warn('a Will could not be handled', () => ({ device: device.id, error: messageOf(error) }));
    }
  }

  /** Resolves when every message that is being stored now has its outcome. */
  async settled(): Promise<void> {
    await Promise.all(this.#storing);
  }

  #takeLiveFrame(
    connection: Connection,
    device: DeviceIdentity,
    topic: Extract<ParsedTopic, { kind: 'live' }>,
    publication: Publication,
  ): void {
    try {
      this.#options.handlers.onLiveFrame(device, topic, publication.payload);
      this.#options.counters.liveFrames += 1;
    } catch (error) {
      this.#drop(connection, publication, () => error);
    }
  }

  #store(
    connection: Connection,
    device: DeviceIdentity,
    topic: ParsedTopic,
    publication: Publication,
  ): Promise<Outcome> {
    const { handlers, counters, clock } = this.#options;
    const { payload } = publication;
    const release = connection.gate.hold(payload.length);
    const handled = callAsync(() =>
      handlers.onMessage({ from: device, topic, payload, receivedAtMs: clock.nowMs() }),
    );
    const outcome = handled
      .then(
        () => {
          counters.messagesAccepted += 1;
          return 'taken' as const;
        },
        (error: unknown) => this.#judge(connection, publication, error),
      )
      .finally(() => {
        release();
        this.#storing.delete(outcome);
      });
    this.#storing.add(outcome);
    return outcome;
  }

  #judge(connection: Connection, publication: Publication, error: unknown): Outcome {
    if (isAppError(error) && !error.retryable && !OUR_OWN_CODES.has(error.code)) {
      this.#drop(connection, publication, () => error);
      return 'taken';
    }
    const { counters, log } = this.#options;
    counters.messagesFailed += 1;
    log.warn('a message could not be stored', () => ({
      device: connection.device?.id,
      topic: publication.topic,
      error: messageOf(error),
    }));
    // A QoS 0 message does not come again, so hanging up would only lose those behind it.
    return publication.qos === 0 ? 'taken' : 'hang-up';
  }

  // Acknowledged, counted, told: closing the connection instead would make a QoS 1 sender repeat it for ever. Whoever sends
  // nothing else comes here all the time, so what is said of it is made up only when it is said.
  #drop(connection: Connection, publication: Publication, why: () => unknown): void {
    const { counters, log } = this.#options;
    counters.messagesDropped += 1;
    connection.allowance?.share.spendOnWorthless();
    log.warn('a message was dropped', () => {
      const error = why();
      return {
        device: connection.device?.id,
        topic: printable(publication.topic),
        code: codeOf(error),
        error: messageOf(error),
      };
    });
    if (!connection.device || !connection.allowance) return;
    if (connection.allowance.notices.tryTake()) this.#notify(connection.device, publication, why());
    else counters.noticesDropped += 1;
  }

  #notify(device: DeviceIdentity, { topic }: Publication, error: unknown): void {
    const { publish, clock } = this.#options;
    const id = isAppError(error) ? error.detail.id : undefined;
    const notice = {
      topic: printable(topic),
      code: codeOf(error),
      message: isAppError(error) ? error.message.slice(0, 500) : 'the server failed on this message',
      id: typeof id === 'string' ? id.slice(0, 64) : null,
      at: new Date(clock.nowMs()).toISOString(),
    };
    publish(errorsTopicOf(device), encodeJson(notice));
  }
}

function codeOf(error: unknown): string {
  return isAppError(error) ? error.code : 'INTERNAL';
}

function notAllowed({ device, listener }: Connection, { topic }: Publication): AppError {
  return new AppError('FORBIDDEN', `${device?.id} may not publish to ${printable(topic)} on ${listener}`);
}

// What a stranger calls a topic may hold anything: no control characters in a log, no lone surrogates in JSON.
function printable(text: string): string {
  return text.slice(0, 200).replace(/[\p{Cc}\p{Cs}]/gu, '?');
}

async function callAsync(call: () => Promise<void>): Promise<void> {
  await call();
}
