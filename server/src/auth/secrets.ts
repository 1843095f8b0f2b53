// Random secrets that this server makes and later recognises by their SHA-256.
//
// A slow hash protects passwords because people choose them; 256 random bits cannot be guessed, so a slow hash here would
// only let anybody burn this machine's CPU by asking.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 43 characters, 256 random bits. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export function secretMatches(secret: string, hash: Uint8Array): boolean {
  const given = hashSecret(secret);
  return given.length === hash.length && timingSafeEqual(given, hash);
}
