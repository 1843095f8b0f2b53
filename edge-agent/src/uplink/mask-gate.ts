// The last look at what waited in the spool: a camera may have got other privacy masks since its picture was taken.

import { decodeClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { decodeSnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { parseTopic } from '@sitecast/shared/protocol/topics';
import { isMaskedAsNow, type PrivacyMasks } from '../camera/privacy-masks.ts';
import type { SpoolRecord } from './spool-record.ts';

type Message = Pick<SpoolRecord, 'topic' | 'payload'>;

/**
 * @param masksOf of a camera, as they are in force now; undefined when there is no such camera.
 * @returns whether a message hides all that is hidden now. One that cannot be read does not, for a camera with masks.
 */
export function maskGate(
  masksOf: (camera: string) => PrivacyMasks | undefined,
): (message: Message) => boolean {
  return ({ topic, payload }) => {
    const parsed = parseTopic(topic);
    if (parsed?.kind !== 'snapshot' && parsed?.kind !== 'clip') return true;
    const masks = masksOf(parsed.camera);
    if (!masks || masks.areas.length === 0) return true;
    try {
      const decode = parsed.kind === 'clip' ? decodeClipChunk : decodeSnapshotEnvelope;
      return isMaskedAsNow(masks, decode(payload).header.maskVersion);
    } catch {
      return false;
    }
  };
}
