// What the server says it dropped: counted, and logged at most once a minute per code.

import { droppedNotice, type DroppedNotice } from '@sitecast/shared/protocol/commands';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import type { QuietLog } from '../health/quiet-log.ts';

export class DroppedNotices {
  readonly topic: string;
  readonly #log: QuietLog;
  readonly #onNotice: Listeners<DroppedNotice>;
  #noticesReceived = 0;

  constructor(address: AgentAddress, log: QuietLog) {
    this.topic = topics.agentErrors(address);
    this.#log = log;
    this.#onNotice = new Listeners((error) =>
      log.warn('NOTICE', { reason: messageOf(error) }, 'a listener of notices failed'),
    );
  }

  get noticesReceived(): number {
    return this.#noticesReceived;
  }

  onNotice(listener: (notice: DroppedNotice) => void): () => void {
    return this.#onNotice.add(listener);
  }

  receive(payload: Uint8Array): void {
    this.#noticesReceived += 1;
    try {
      const notice = decodeMessage(droppedNotice, payload);
      const { code, message, topic, id } = notice;
      this.#log.warn(code, { topic, id, reason: message }, 'the server dropped a message');
      this.#onNotice.emit(notice);
    } catch (error) {
      this.#log.warn(
        'FRAME_MALFORMED',
        { reason: messageOf(error) },
        'a notice of the server could not be read',
      );
    }
  }
}
