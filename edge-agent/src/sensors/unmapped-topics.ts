// A small sample of messages that gave no reading, so that somebody can write a rule by looking at it.

import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { redact } from '@sitecast/shared/node/logger';

/** Policy: the topic that came least often makes room, the oldest of those. */
export const UNMAPPED_MAX_TOPICS = 16;
const TOPIC_CHARACTERS = 200;
const REASON_CHARACTERS = 200;
const PAYLOAD_CHARACTERS = 200;

export type UnmappedTopic = NonNullable<AgentHealth['siteBroker']>['unmapped'][number];

export class UnmappedTopics {
  /** In the order of their last message. */
  readonly #topics = new Map<string, UnmappedTopic>();

  note(topic: string, reason: string, payload: Buffer): void {
    const name = printable(topic, TOPIC_CHARACTERS);
    const count = (this.#topics.get(name)?.count ?? 0) + 1;
    this.#topics.delete(name);
    if (this.#topics.size >= UNMAPPED_MAX_TOPICS) this.#dropSeldomest();
    this.#topics.set(name, {
      topic: name,
      count,
      reason: printable(reason, REASON_CHARACTERS),
      payload: printable(redact(payload.toString('utf8', 0, PAYLOAD_CHARACTERS)), PAYLOAD_CHARACTERS),
    });
  }

  /** Most frequent first. */
  list(): UnmappedTopic[] {
    return [...this.#topics.values()].sort((a, b) => b.count - a.count);
  }

  #dropSeldomest(): void {
    let seldomest: UnmappedTopic | undefined;
    for (const topic of this.#topics.values())
      if (topic.count < (seldomest?.count ?? Infinity)) seldomest = topic;
    if (seldomest) this.#topics.delete(seldomest.topic);
  }
}

// What a stranger sends may hold anything: no control characters in a log, no lone surrogates in JSON. Cut last: half of a pair
// is one, and the server refuses a health message with a text that is too long.
function printable(text: string, maxCharacters: number): string {
  return text.slice(0, maxCharacters).replace(/[\p{Cc}\p{Cs}]/gu, '?');
}
