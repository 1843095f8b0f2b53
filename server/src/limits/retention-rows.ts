// What is kept, and the work of deleting the rest.

import { KIB } from '@sitecast/shared/protocol/limits';
import type { ServerConfig } from '../config.ts';
import { GARBAGE_BATCH } from '../retention/garbage.ts';
import { REMOVAL_BATCH } from '../retention/media-removal.ts';
import { EXPIRY_BATCH } from '../retention/row-expiry.ts';
import { row, type LimitRow } from './limit-row.ts';

export function retentionRows({ clips, media, retention }: ServerConfig): LimitRow[] {
  const age = (what: string, days: number, env: string, counter: string): LimitRow =>
    row(`age of ${what}`, days, 'days', 'drop-oldest', { env, counter });
  return [
    row('snapshots and clips stored', media.maxBytes, 'bytes', 'drop-oldest', {
      env: 'MEDIA_MAX_BYTES',
      counter: 'retention_items_removed_by_bytes',
    }),
    row('clips stored', clips.maxBytes, 'bytes', 'drop-oldest', {
      env: 'CLIPS_MAX_BYTES',
      counter: 'retention_items_removed_by_bytes',
    }),
    age('snapshots', retention.snapshotsDays, 'RETENTION_SNAPSHOTS_DAYS', 'retention_items_removed_by_age'),
    age('clips', retention.clipsDays, 'RETENTION_CLIPS_DAYS', 'retention_items_removed_by_age'),
    age('events', retention.eventsDays, 'RETENTION_EVENTS_DAYS', 'retention_rows_expired'),
    age('outages', retention.outagesDays, 'RETENTION_OUTAGES_DAYS', 'retention_rows_expired'),
    age('seals', retention.sealsDays, 'RETENTION_SEALS_DAYS', 'retention_rows_expired'),
    row('items deleted at once', REMOVAL_BATCH, 'items', 'block', {
      counter: 'retention_yielded',
      // Its rows, and the files that are unlinked.
      bytes: (REMOVAL_BATCH + GARBAGE_BATCH) * KIB,
    }),
    row('rows deleted at once', EXPIRY_BATCH, 'rows', 'block', {
      counter: 'retention_yielded',
      bytes: EXPIRY_BATCH * 256,
    }),
  ];
}
