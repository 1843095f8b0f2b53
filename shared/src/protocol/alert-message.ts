// What a device, or a web server, is told of an alert (PROTOCOL.md, section 18).

import * as z from 'zod';
import { ID_PATTERN, ULID_PATTERN } from './ids.ts';
import { isoTime } from './json-message.ts';

const id = z.string().regex(ID_PATTERN);
const ulid = z.string().regex(ULID_PATTERN);

export const alertMessage = z.object({
  version: z.int().min(1),
  /** Of the message: the same one may come twice. */
  id: ulid,
  event: z.enum(['firing', 'resolved', 'test']),
  /** Null: about the server itself. */
  site: id.nullable(),
  /** `id` is null once the rule is removed. */
  rule: z.object({ id: ulid.nullable(), name: z.string() }),
  message: z.string(),
  messageKo: z.string(),
  /** Null in a test. */
  alert: z
    .object({
      id: ulid,
      kind: z.string().max(64),
      subject: z.string(),
      severity: z.enum(['info', 'warning', 'critical']),
      state: z.enum(['firing', 'resolved']),
      value: z.number().nullable(),
      unit: z.string().nullable(),
      reason: z.string().nullable(),
      firedAt: isoTime,
      resolvedAt: isoTime.nullable(),
      snapshotId: ulid.nullable(),
    })
    .nullable(),
  /** Of the page of alerts, where the server knows its own address. */
  url: z.string().nullable(),
});
export type AlertMessage = z.output<typeof alertMessage>;
