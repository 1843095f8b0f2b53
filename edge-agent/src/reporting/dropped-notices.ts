// What the server says it dropped: counted, and logged at most once a minute per code.

import { droppedNotice } from '@sitecast/shared/protocol/commands';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { QuietLog } from '../health/quiet-log.ts';

export class DroppedNotices {
  readonly topic: string;
  readonly #log: QuietLog;
  #noticesReceived = 0;

  constructor(address: AgentAddress, log: QuietLog) {
    this.topic = topics.agentErrors(address);
    this.#log = log;
  }

  get noticesReceived(): number {
    return this.#noticesReceived;
  }

  receive(payload: Uint8Array): void {
    this.#noticesReceived += 1;
    try {
      const { code, message, topic, id } = decodeMessage(droppedNotice, payload);
      this.#log.warn(code, { topic, id, reason: message }, 'the server dropped a message');
    } catch (error) {
      this.#log.warn(
        'FRAME_MALFORMED',
        { reason: messageOf(error) },
        'a notice of the server could not be read',
      );
    }
  }
}
