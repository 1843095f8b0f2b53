// The id of an uploaded picture comes from the picture, so that the same upload again is the same snapshot.

import { createHash } from 'node:crypto';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';

export interface UploadIdentity {
  device: AgentAddress;
  camera: string;
  /** Lower-case hex. */
  sha256: string;
  /** As the request gave it: a time of our own would differ from one try to the next. */
  capturedAt: string | undefined;
  idempotencyKey: string | undefined;
}

/** Ids made here say no time (their first ten digits are 0), so that they never meet one that an agent made. */
const NO_TIME = '0000000000';
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const HASH_BYTES = 10;

/**
 * The digest of the picture is always part of it: a key that a device uses again for another picture stores that, too,
 * since what was acknowledged must not be lost.
 */
export function uploadId({ device, camera, sha256, capturedAt, idempotencyKey }: UploadIdentity): string {
  const identity = [device.site, device.agent, camera, sha256, capturedAt ?? null, idempotencyKey ?? null];
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest().subarray(0, HASH_BYTES);
  return NO_TIME + toCrockford(hash);
}

/** Five bits a digit: ten bytes are sixteen digits. */
function toCrockford(bytes: Buffer): string {
  let number = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let digit = 0; digit < (bytes.length * 8) / 5; digit += 1) {
    text = (DIGITS[Number(number & 31n)] ?? '') + text;
    number >>= 5n;
  }
  return text;
}
