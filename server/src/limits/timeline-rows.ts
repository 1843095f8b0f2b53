// What the timeline and the account of outages hold.

import { OPEN_OUTAGES_MAX } from '../timeline/outage-store.ts';
import { QUIET_SENSORS_MAX, SENSORS_LOOKED_UP_MAX } from '../timeline/sensor-silence.ts';
import {
  TIMELINE_ITEMS_MAX,
  TIMELINES_AT_ONCE_MAX,
  TIMELINES_WAITING_MAX,
  TIMELINE_MAX_DAYS,
} from '../timeline/timeline.ts';
import { httpErrors, row, type LimitRow } from './limit-row.ts';

/** A row with its names and its time, and its place in a map. */
const OUTAGE_BYTES = 400;
const QUIET_SENSOR_BYTES = 200;
/** An event with its detail, once as a row and once as it goes out. */
const ITEM_BYTES = 600;

export function timelineRows(): LimitRow[] {
  return [
    row('items of one timeline', TIMELINE_ITEMS_MAX, 'items', 'coarsen', {
      counter: 'timeline_answers_thinned',
    }),
    row('timelines at once', TIMELINES_AT_ONCE_MAX, 'answers', 'block', {
      counter: 'timeline_answers_held_up',
      bytes: TIMELINES_AT_ONCE_MAX * TIMELINE_ITEMS_MAX * ITEM_BYTES,
    }),
    row('timelines waiting', TIMELINES_WAITING_MAX, 'answers', 'reject', {
      counter: 'timeline_answers_refused',
    }),
    row('period of a timeline', TIMELINE_MAX_DAYS, 'days', 'reject', {
      counter: httpErrors('PERIOD_TOO_LONG'),
    }),
    row('open outages of one look', OPEN_OUTAGES_MAX, 'outages', 'block', {
      counter: 'outages_open_left_for_later',
      bytes: OPEN_OUTAGES_MAX * OUTAGE_BYTES,
    }),
    row('quiet sensors', QUIET_SENSORS_MAX, 'sensors', 'reject', {
      counter: 'outages_sensors_not_judged',
      bytes: QUIET_SENSORS_MAX * QUIET_SENSOR_BYTES,
    }),
    row('quiet sensors looked up in one look', SENSORS_LOOKED_UP_MAX, 'sensors', 'block', {
      counter: 'outages_sensors_looked_up_later',
    }),
  ];
}
