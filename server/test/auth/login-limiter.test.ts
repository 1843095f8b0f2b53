import { describe, expect, it } from 'vitest';
import {
  LoginLimiter,
  MAX_FAILURES_PER_ADDRESS,
  MAX_FAILURES_PER_USERNAME,
  MAX_TRACKED,
} from '../../src/auth/login-limiter.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('LoginLimiter', () => {
  it('refuses an address after ten failures, and says when to come back', () => {
    const limiter = new LoginLimiter(new ManualClock());
    for (let attempt = 0; attempt < MAX_FAILURES_PER_ADDRESS; attempt += 1)
      limiter.begin('10.0.0.1', `user-${attempt}`);
    expect(() => limiter.begin('10.0.0.1', 'another')).toThrow(
      expect.objectContaining({ code: 'RATE_LIMITED', detail: { retryAfterMs: 300_000 } }),
    );
    expect(() => limiter.begin('10.0.0.2', 'another')).not.toThrow();
    expect(limiter.refusals).toBe(1);
  });

  it('does not count logins that succeed', () => {
    const limiter = new LoginLimiter(new ManualClock());
    for (let attempt = 0; attempt < 100; attempt += 1) {
      limiter.begin('10.0.0.1', 'kim');
      limiter.succeeded('10.0.0.1', 'kim');
    }
    expect(() => limiter.begin('10.0.0.1', 'kim')).not.toThrow();
  });

  it('refuses a user name that many addresses guess at', () => {
    const limiter = new LoginLimiter(new ManualClock());
    for (let attempt = 0; attempt < MAX_FAILURES_PER_USERNAME; attempt += 1)
      limiter.begin(`10.0.1.${attempt}`, 'admin');
    expect(() => limiter.begin('10.0.2.1', 'admin')).toThrow(/this user/);
    expect(() => limiter.begin('10.0.2.1', 'kim')).not.toThrow();
  });

  it('forgets after five minutes', () => {
    const clock = new ManualClock();
    const limiter = new LoginLimiter(clock);
    for (let attempt = 0; attempt < MAX_FAILURES_PER_ADDRESS; attempt += 1) limiter.begin('10.0.0.1', 'kim');
    clock.advance(5 * 60_000);
    expect(() => limiter.begin('10.0.0.1', 'kim')).not.toThrow();
  });

  it('takes the addresses of one IPv6 network as one', () => {
    const limiter = new LoginLimiter(new ManualClock());
    for (let host = 0; host < MAX_FAILURES_PER_ADDRESS; host += 1)
      limiter.begin(`2001:db8:1:2::${host}`, `user-${host}`);
    expect(() => limiter.begin('2001:db8:1:2:ffff::1', 'x')).toThrow(/this address/);
    expect(() => limiter.begin('2001:db8:1:3::1', 'x')).not.toThrow();
  });

  it('forgets the oldest of too many names, and counts those that were not over', () => {
    const clock = new ManualClock();
    const limiter = new LoginLimiter(clock);
    const fail = (number: number): void =>
      limiter.begin(`2001:db8:${number.toString(16)}::1`, `user-${number}`);
    for (let number = 0; number < MAX_TRACKED / 2; number += 1) fail(number);
    expect(limiter.forgotten).toBe(0);
    fail(MAX_TRACKED);
    expect(limiter.forgotten).toBe(2);
    clock.advance(5 * 60_000);
    fail(MAX_TRACKED + 1);
    expect(limiter.forgotten).toBe(2);
  });
});
