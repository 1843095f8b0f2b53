// Who and what the server knows: people, devices, and what it remembers of itself.

import { KIB } from '@sitecast/shared/protocol/limits';
import { MAX_FAILURES_PER_ADDRESS, MAX_FAILURES_PER_USERNAME, MAX_TRACKED } from '../auth/login-limiter.ts';
import { HASH_MEMORY_BYTES, MAX_HASHES_AT_ONCE, MAX_HASHES_WAITING } from '../auth/passwords.ts';
import { MAX_CACHED_PRINCIPALS } from '../auth/principal-cache.ts';
import { MAX_SESSIONS_PER_USER } from '../auth/sessions.ts';
import { MAX_TOKENS_PER_USER } from '../auth/tokens.ts';
import { MAX_USERS } from '../auth/users.ts';
import type { ServerConfig } from '../config.ts';
import { MAX_SENSORS_PER_SITE } from '../fleet/fleet.ts';
import { MAX_SITES } from '../fleet/sites.ts';
import { GUARD_CHANGES_MAX } from '../guard/guard.ts';
import { SHEDDING_EVENTS_MAX } from '../guard/shedding-events.ts';
import { row, ENTRY_BYTES, httpErrors, type LimitRow } from './limit-row.ts';

/** What an agent last said of itself and of 64 cameras: a message of the largest size measured 64 KiB of heap; health as much. */
const DEVICE_BYTES = 128 * KIB;

export function identityRows(): LimitRow[] {
  return [
    row('password hashes at once', MAX_HASHES_AT_ONCE, 'hashes', 'block', {
      counter: 'auth_hashes_held_up',
      bytes: MAX_HASHES_AT_ONCE * HASH_MEMORY_BYTES,
    }),
    row('logins waiting for a hash', MAX_HASHES_WAITING, 'logins', 'reject', {
      counter: 'auth_hashes_refused',
    }),
    row('failed logins of one address', MAX_FAILURES_PER_ADDRESS, 'in 5 min', 'slow', {
      counter: 'auth_logins_refused',
    }),
    row('failed logins of one user', MAX_FAILURES_PER_USERNAME, 'in 5 min', 'slow', {
      counter: 'auth_logins_refused',
    }),
    row('addresses and users that failed to log in', MAX_TRACKED, 'names', 'drop-oldest', {
      counter: 'auth_failures_forgotten',
      bytes: MAX_TRACKED * ENTRY_BYTES,
    }),
    row('cached logins', 2 * MAX_CACHED_PRINCIPALS, 'logins', 'drop-oldest', {
      counter: 'auth_logins_forgotten',
      bytes: 2 * MAX_CACHED_PRINCIPALS * ENTRY_BYTES,
    }),
    row('users', MAX_USERS, 'users', 'reject', { counter: httpErrors('LIMIT_REACHED') }),
    row('sessions of one user', MAX_SESSIONS_PER_USER, 'sessions', 'drop-oldest', {
      counter: 'auth_sessions_ended',
    }),
    row('tokens of one user', MAX_TOKENS_PER_USER, 'tokens', 'reject', {
      counter: httpErrors('LIMIT_REACHED'),
    }),
  ];
}

export function fleetRows({ maxDevices }: ServerConfig): LimitRow[] {
  return [
    row('devices', maxDevices, 'devices', 'reject', {
      env: 'MAX_DEVICES',
      counter: httpErrors('LIMIT_REACHED'),
      bytes: maxDevices * DEVICE_BYTES,
    }),
    row('sensors of one site', MAX_SENSORS_PER_SITE, 'sensors', 'reject', {
      counter: 'fleet_sensors_refused',
    }),
    row('sites', MAX_SITES, 'sites', 'reject', { counter: httpErrors('LIMIT_REACHED') }),
  ];
}

export function guardRows(): LimitRow[] {
  return [
    row('remembered changes of pressure', GUARD_CHANGES_MAX, 'changes', 'drop-oldest', {
      counter: 'guard_changes_forgotten',
      bytes: GUARD_CHANGES_MAX * KIB,
    }),
    row('events of shedding that wait', SHEDDING_EVENTS_MAX, 'events', 'drop-oldest', {
      counter: 'guard_events_dropped',
      bytes: SHEDDING_EVENTS_MAX * ENTRY_BYTES,
    }),
  ];
}
