// A rule as the configuration has it: what has to be so, and what is done then.

import { ID_PATTERN } from '@sitecast/shared/protocol/ids';
import { eventKind } from '@sitecast/shared/protocol/events';
import * as z from 'zod';

export const MAX_RULES = 64;
export const MAX_ACTIONS = 8;
/** Whether a clip goes to the server by itself, or when somebody asks for it. */
export const CLIP_UPLOADS = ['on-request', 'always'] as const;
/** A condition has to hold for at most a day. */
const MAX_FOR_SECONDS = 86_400;

const id = z.string().regex(ID_PATTERN, 'must be an id');

/** A reading above or below a number. */
const readingCondition = z
  .strictObject({
    sensor: id,
    metric: z.string().min(1).max(64),
    above: z.number().optional(),
    below: z.number().optional(),
    /** It has to hold for so long before the rule fires. */
    forSeconds: z.number().min(0).max(MAX_FOR_SECONDS).default(0),
    /** The reading has to come back by so much before the rule is over. */
    hysteresis: z.number().min(0).default(0),
  })
  .refine(({ above, below }) => (above === undefined) !== (below === undefined), {
    message: 'needs either "above" or "below"',
  });

/** An event of a camera begins. */
const eventCondition = z.strictObject({ event: eventKind, camera: id.optional() });

const snapshotAction = z.strictObject({ snapshot: id });
/** Uploaded as it says, else as the settings of clips do. */
const clipAction = z.strictObject({
  clip: z.strictObject({ camera: id, upload: z.enum(CLIP_UPLOADS).optional() }),
});
const eventAction = z.strictObject({
  event: z.strictObject({ kind: eventKind, camera: id, detail: z.string().min(1).max(500).optional() }),
});

export const ruleSettings = z.strictObject({
  id,
  when: z.union([readingCondition, eventCondition], {
    error: 'must be {sensor, metric, above or below, ...} or {event, camera}',
  }),
  then: z
    .array(
      z.union([snapshotAction, clipAction, eventAction], {
        error: 'must be {snapshot: CAMERA}, {clip: {camera, upload}} or {event: {...}}',
      }),
    )
    .min(1)
    .max(MAX_ACTIONS),
  /** Once it has fired, it does not fire again for so long. */
  restSeconds: z.number().min(1).max(MAX_FOR_SECONDS).default(10),
});

export type Rule = z.output<typeof ruleSettings>;
export type ReadingCondition = z.output<typeof readingCondition>;
export type Action = Rule['then'][number];
export type ClipAction = z.output<typeof clipAction>['clip'];

export function isReadingCondition(when: Rule['when']): when is ReadingCondition {
  return 'sensor' in when;
}
