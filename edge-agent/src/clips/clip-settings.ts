// The settings of clips.

import { MAX_CLIP_BYTES, MIB } from '@sitecast/shared/protocol/limits';
import * as z from 'zod';
import { CLIP_UPLOADS } from '../rules/rule.ts';

const MAX_QUOTA_BYTES = 1024 * 1024 * MIB;
/** One is kept while the next is recorded. */
const LEAST_CLIPS_IN_QUOTA = 2;

export const clipSettings = z
  .strictObject({
    preRollSeconds: z.int().min(0).max(60).default(5),
    postRollSeconds: z.int().min(1).max(120).default(10),
    maxSeconds: z.int().min(2).max(300).default(60),
    maxBytes: z
      .int()
      .min(1 * MIB)
      .max(MAX_CLIP_BYTES)
      .default(32 * MIB),
    quotaBytes: z
      .int()
      .min(2 * MIB)
      .max(MAX_QUOTA_BYTES)
      .default(1024 * MIB),
    upload: z.enum(CLIP_UPLOADS).default('on-request'),
  })
  .superRefine(({ preRollSeconds, postRollSeconds, maxSeconds, maxBytes, quotaBytes }, context) => {
    const refuse = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (preRollSeconds + postRollSeconds > maxSeconds) {
      const needed = `${preRollSeconds} s before and ${postRollSeconds} s after`;
      refuse('maxSeconds', `is ${maxSeconds}, less than ${needed}`);
    }
    if (LEAST_CLIPS_IN_QUOTA * maxBytes > quotaBytes)
      refuse('quotaBytes', `is ${quotaBytes}, less than twice maxBytes, ${maxBytes}`);
  });

export type ClipSettings = z.output<typeof clipSettings>;
