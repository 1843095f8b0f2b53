// Signatures of agents: ed25519 (RFC 8032) over UTF-8 text.

import { createHash, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { SIGNATURE_PATTERN } from '../protocol/evidence.ts';

export function newSigningKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

/** The 32 bytes of it, base64url. */
export function publicKeyOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '';
}

/** First 16 hex digits of the SHA-256 of its 32 bytes. */
export function keyIdOf(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('hex').slice(0, 16);
}

export function signText(privateKey: KeyObject, text: string): string {
  const signature = sign(null, Buffer.from(text), privateKey).toString('base64url');
  return `ed25519:${keyIdOf(publicKeyOf(privateKey))}:${signature}`;
}

/** @returns the id of the key that the signature names; undefined for what is none. */
export function keyIdIn(signature: string): string | undefined {
  return SIGNATURE_PATTERN.exec(signature)?.[1];
}

/** Whether this key made the signature over just this text. Never throws. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const [, keyId, encoded = ''] = SIGNATURE_PATTERN.exec(signature) ?? [];
  if (keyId !== keyIdOf(publicKey)) return false;
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
    return verify(null, Buffer.from(text), key, Buffer.from(encoded, 'base64url'));
  } catch {
    return false;
  }
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
