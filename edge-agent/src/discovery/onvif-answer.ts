// What passes between the command and the worker that talks to one device.

import * as z from 'zod';
import { plainText } from './plain-text.ts';

export interface DeviceRequest {
  host: string;
  port: number;
  path: string;
  isTls: boolean;
  user: string;
  password: string;
  /** Of one request. */
  timeoutMs: number;
  /** Of all answers together. */
  maxBytes: number;
}

/** Policy: the first ones are kept. Bounds in edge-agent/README.md. */
export const MAX_PROFILES = 32;
const MAX_URI_CHARACTERS = 1_024;

/** The package makes numbers and booleans of texts that look like them. */
export const looseText = z
  .union([z.string(), z.number(), z.boolean()])
  .transform((value) => plainText(String(value)));
const pixels = z.int().min(0).max(65_535).catch(0);

export const onvifProfile = z.object({
  name: looseText,
  /** Which of the device's lenses or channels. */
  source: looseText,
  /** `H264`, `H265`, `JPEG` ...; empty when it does not say. */
  encoding: looseText,
  width: pixels,
  height: pixels,
  uri: z.string().max(MAX_URI_CHARACTERS),
});
export type OnvifProfile = z.output<typeof onvifProfile>;

export const deviceAnswer = z.object({
  manufacturer: looseText,
  model: looseText,
  profiles: z.array(onvifProfile).max(MAX_PROFILES),
});
export type DeviceAnswer = z.output<typeof deviceAnswer>;

/** Whether a device says, in one of the many ways of devices, that it wants another login. */
export function isRefusal(failure: string): boolean {
  return /not.?authori[sz]ed|unauthori[sz]ed|\b401\b/i.test(failure);
}

export const workerMessage = z.union([
  z.object({ answer: deviceAnswer }),
  z.object({ failure: z.string().transform(plainText) }),
]);
