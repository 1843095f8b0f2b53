// The settings of clips.

import { MAX_CLIP_BYTES, MIB } from '@sitecast/shared/protocol/limits';
import * as z from 'zod';
import { given } from '../config-cross-checks.ts';
import { CLIP_UPLOADS } from '../rules/rule.ts';

const MAX_QUOTA_BYTES = 1024 * 1024 * MIB;
/** One is kept while the next is recorded. */
const LEAST_CLIPS_IN_QUOTA = 2;

const preRollSeconds = z.int().min(0).max(60);
const postRollSeconds = z.int().min(1).max(120);
const maxSeconds = z.int().min(2).max(300);
const maxBytes = z
  .int()
  .min(1 * MIB)
  .max(MAX_CLIP_BYTES);
const quotaBytes = z
  .int()
  .min(2 * MIB)
  .max(MAX_QUOTA_BYTES);

export const clipSettings = z
  .strictObject({
    preRollSeconds: preRollSeconds.default(5),
    postRollSeconds: postRollSeconds.default(10),
    maxSeconds: maxSeconds.default(60),
    maxBytes: maxBytes.default(32 * MIB),
    quotaBytes: quotaBytes.default(1024 * MIB),
    upload: z.enum(CLIP_UPLOADS).default('on-request'),
  })
  .superRefine(({ preRollSeconds: before, postRollSeconds: after, maxSeconds: most }, context) => {
    if (before + after <= most) return;
    const message = `is ${most}, less than ${before} s before and ${after} s after`;
    context.addIssue({ code: 'custom', path: ['maxSeconds'], message });
  }, given({ preRollSeconds, postRollSeconds, maxSeconds }))
  .superRefine(({ maxBytes: most, quotaBytes: quota }, context) => {
    if (LEAST_CLIPS_IN_QUOTA * most <= quota) return;
    const message = `is ${quota}, less than twice maxBytes, ${most}`;
    context.addIssue({ code: 'custom', path: ['quotaBytes'], message });
  }, given({ maxBytes, quotaBytes }));

export type ClipSettings = z.output<typeof clipSettings>;
