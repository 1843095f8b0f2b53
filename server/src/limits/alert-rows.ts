// Rules, what they look at and what they found.

import { KIB } from '@sitecast/shared/protocol/limits';
import { ALERT_CHANGES_MAX } from '../alerts/alert-journal.ts';
import { ALERT_SNAPSHOTS_MAX } from '../alerts/alert-snapshots.ts';
import { ALERTS_KEPT_MAX, DELIVERIES_WAITING_MAX } from '../alerts/alert-store.ts';
import { CHANNELS_MAX } from '../alerts/channels/channel-store.ts';
import {
  DEAD_LETTERS_MAX,
  DELIVERIES_AT_ONCE_MAX,
  DELIVERY_ATTEMPTS_MAX,
} from '../alerts/channels/deliveries.ts';
import { FORECAST_WINDOWS_HOURS } from '../alerts/rule.ts';
import { RULES_MAX } from '../alerts/rule-store.ts';
import { MAX_SITES } from '../fleet/sites.ts';
import { WATCHES_MAX } from '../alerts/watches.ts';
import type { ServerConfig } from '../config.ts';
import { ENTRY_BYTES, httpErrors, row, type LimitRow } from './limit-row.ts';

/** A connection with TLS, and the message. */
const DELIVERY_BYTES = 256 * KIB;
/** Two short names and a few numbers. */
const FORECAST_BYTES = 200;

export function alertRows({ maxDevices }: ServerConfig): LimitRow[] {
  const forecasts = FORECAST_WINDOWS_HOURS.length * (maxDevices + 1);
  return [
    row('rules', RULES_MAX, 'rules', 'reject', {
      counter: httpErrors('LIMIT_REACHED'),
      bytes: RULES_MAX * 2 * KIB,
    }),
    row('silences of sites', MAX_SITES, 'sites', 'reject', {
      counter: httpErrors('LIMIT_REACHED'),
      bytes: MAX_SITES * ENTRY_BYTES,
    }),
    row('subjects of rules that are watched', WATCHES_MAX, 'subjects', 'reject', {
      counter: 'alerts_subjects_refused',
      // And what is to be stored of each.
      bytes: 2 * WATCHES_MAX * ENTRY_BYTES,
    }),
    row('alerts that wait to be stored', ALERT_CHANGES_MAX, 'alerts', 'drop-oldest', {
      counter: 'alerts_changes_dropped',
      bytes: ALERT_CHANGES_MAX * ENTRY_BYTES,
    }),
    row('alerts kept', ALERTS_KEPT_MAX, 'alerts', 'drop-oldest', { counter: 'alerts_dropped' }),
    row('snapshots asked for by alerts', ALERT_SNAPSHOTS_MAX, 'snapshots', 'reject', {
      counter: 'alerts_snapshots_refused',
      bytes: ALERT_SNAPSHOTS_MAX * ENTRY_BYTES,
    }),
    row('alert channels', CHANNELS_MAX, 'channels', 'reject', { counter: httpErrors('LIMIT_REACHED') }),
    row('messages about alerts at once', DELIVERIES_AT_ONCE_MAX, 'messages', 'block', {
      counter: 'alerts_deliveries_held_up',
      bytes: DELIVERIES_AT_ONCE_MAX * DELIVERY_BYTES,
    }),
    row('messages about alerts that wait', DELIVERIES_WAITING_MAX, 'messages', 'reject', {
      counter: 'alerts_deliveries_refused',
    }),
    row('attempts of a message about an alert', DELIVERY_ATTEMPTS_MAX, 'attempts', 'reject', {
      counter: 'alerts_deliveries_dead',
    }),
    row('dead letters', DEAD_LETTERS_MAX, 'messages', 'drop-oldest', {
      counter: 'alerts_dead_letters_dropped',
    }),
    row('forecasts of disks', forecasts, 'forecasts', 'reject', {
      counter: httpErrors('LIMIT_REACHED'),
      bytes: forecasts * FORECAST_BYTES,
    }),
  ];
}
