// One rule of a mapping table: which topics are its own, and what their payloads say.

import type { Pieces, TopicPattern } from './topic-pattern.ts';
import type { Leaf } from './payload.ts';

/** What a payload says. Leaves that are no numbers are named as left out. */
export interface Content {
  leaves: readonly Leaf[];
  /** As the device writes it: seconds or milliseconds since 1970, or a text with an offset. */
  time?: unknown;
  /** Where something is known about the unit: that of the leaf at `path`. */
  unitOf?: (path: readonly string[]) => string | undefined;
}

/** `refused`: somebody should look at it. `ignored`: it is known to hold no reading. */
export type NoContent = { refused: string } | { ignored: string };

export interface TopicReading {
  pattern: TopicPattern;
  read: (value: unknown, pieces: Pieces) => Content | NoContent;
}

export interface MappingRule {
  /** For people: in counters, and in the reason of a refusal. */
  name: string;
  topics: readonly TopicReading[];
  /** Topics of the same project that hold no readings; looked at first. */
  ignored: readonly TopicPattern[];
  /** Text with `{name}` for pieces of the topic: what becomes the sensor's id. */
  sensor: string;
}
