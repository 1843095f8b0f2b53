// What foreign devices leave in memory.

import { DISCOVERED_MAX, DISCOVERED_PER_DEVICE_MAX } from '../foreign/discovered-values.ts';
import { FOREIGN_TOPICS_MAX } from '../foreign/device-mapping.ts';
import { SAMPLE_PAYLOAD_BYTES, SAMPLES_MAX, SAMPLES_PER_DEVICE_MAX } from '../foreign/unmapped-samples.ts';
import { UNIT_CHANGES_PER_SECOND } from '../telemetry/series-catalogue.ts';
import { ENTRY_BYTES, httpErrors, row, type LimitRow } from './limit-row.ts';

/** Topic, path, label and the texts of one value; measured about 600 bytes. */
const DISCOVERED_BYTES = 2 * ENTRY_BYTES;

export function foreignRows(): LimitRow[] {
  return [
    row('samples of messages without a reading', SAMPLES_MAX, 'topics', 'drop-oldest', {
      counter: 'foreign_samples_forgotten',
      // Two bytes a character.
      bytes: SAMPLES_MAX * (2 * SAMPLE_PAYLOAD_BYTES + 2 * ENTRY_BYTES),
    }),
    row('samples of one device', SAMPLES_PER_DEVICE_MAX, 'topics', 'drop-oldest', {
      counter: 'foreign_samples_forgotten',
    }),
    row('values known by discovery', DISCOVERED_MAX, 'values', 'reject', {
      counter: 'foreign_discoveries_refused',
      bytes: DISCOVERED_MAX * DISCOVERED_BYTES,
    }),
    row('values of one device known by discovery', DISCOVERED_PER_DEVICE_MAX, 'values', 'reject', {
      counter: 'foreign_discoveries_refused',
    }),
    row('topics given to one device', FOREIGN_TOPICS_MAX, 'topics', 'reject', {
      counter: httpErrors('BAD_REQUEST'),
    }),
    row('changes of units and labels', UNIT_CHANGES_PER_SECOND, 'a second', 'slow', {
      counter: 'telemetry_unit_changes_held_up',
    }),
  ];
}
