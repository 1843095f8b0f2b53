import { describe, expect, it } from 'vitest';
import { Lifetime } from '../../src/runtime/lifetime.ts';
import { appErrorOf } from '../app-error-of.ts';
import { ManualClock } from '../manual-clock.ts';

interface Closers {
  lifetime: Lifetime;
  clock: ManualClock;
  log: string[];
  errors: string[];
  thing: (name: string) => { close(): void };
}

function closers(): Closers {
  const clock = new ManualClock();
  const log: string[] = [];
  const errors: string[] = [];
  const onCloseError = (name: string, error: unknown): void =>
    void errors.push(`${name}: ${(error as Error).message}`);
  const lifetime = new Lifetime({ clock, onCloseError, closeTimeoutMs: 500 });
  return { lifetime, clock, log, errors, thing: (name) => ({ close: () => void log.push(name) }) };
}

/** Lets everything run that waits for promises alone. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Lifetime', () => {
  it('closes the newest first, each after the one before has finished', async () => {
    const { lifetime, log, thing } = closers();
    lifetime.own('pool', thing('pool'));
    lifetime.onClose('broker', async () => {
      log.push('broker begins');
      await settle();
      log.push('broker ends');
    });
    lifetime.own('http', thing('http'));
    await lifetime.close();
    expect(log).toEqual(['http', 'broker begins', 'broker ends', 'pool']);
  });

  it('hands the thing back, and calls its close as a method', async () => {
    class Door {
      isOpen = true;
      close(): void {
        this.isOpen = false;
      }
    }
    const { lifetime } = closers();
    const door = lifetime.own('door', new Door());
    await lifetime.close();
    expect(door.isOpen).toBe(false);
  });

  it('closes once, however often it is asked', async () => {
    const { lifetime, log, thing } = closers();
    lifetime.own('pool', thing('pool'));
    await Promise.all([lifetime.close(), lifetime.close()]);
    await lifetime.close();
    expect(log).toEqual(['pool']);
  });

  it('goes on after a closer that failed, at once or later, and reports it by name', async () => {
    const { lifetime, log, errors, thing } = closers();
    lifetime.own('pool', thing('pool'));
    lifetime.onClose('broker', () => Promise.reject(new Error('stuck')));
    lifetime.onClose('http', () => {
      throw new Error('gone');
    });
    await lifetime.close();
    expect([log, errors]).toEqual([['pool'], ['http: gone', 'broker: stuck']]);
  });

  it('gives up on a closer at its deadline, and leaves no timer of those that made it', async () => {
    const { lifetime, clock, log, errors, thing } = closers();
    lifetime.own('pool', thing('pool'));
    lifetime.onClose('frozen viewer', () => new Promise(() => undefined));
    const closed = lifetime.close();
    await settle();
    expect([log, errors]).toEqual([[], []]);
    clock.advance(500);
    await closed;
    expect(errors).toEqual(['frozen viewer: frozen viewer did not close within 500 ms']);
    expect([log, clock.pending]).toEqual([['pool'], 0]);
  });

  it('closes all even when nobody can be told of a failure', async () => {
    const log: string[] = [];
    const lifetime = new Lifetime({
      onCloseError: () => {
        throw new Error('the log is closed');
      },
    });
    lifetime.onClose('pool', () => void log.push('pool'));
    lifetime.onClose('broker', () => Promise.reject(new Error('stuck')));
    await lifetime.close();
    expect(log).toEqual(['pool']);
  });

  it('closes what is opened while it closes, and tells the opener to stop', async () => {
    const { lifetime, log, thing } = closers();
    let finish = (): void => undefined;
    lifetime.onClose('slow', () => new Promise((resolve) => (finish = resolve)));
    const closed = lifetime.close();
    await settle();
    expect(appErrorOf(() => lifetime.own('latecomer', thing('latecomer'))).code).toBe('SHUTTING_DOWN');
    finish();
    await closed;
    expect(log).toEqual(['latecomer']);
  });

  it('closes what is opened after it has closed', async () => {
    const { lifetime, log, thing } = closers();
    await lifetime.close();
    expect(appErrorOf(() => lifetime.own('latecomer', thing('latecomer'))).retryable).toBe(true);
    await lifetime.close();
    expect(log).toEqual(['latecomer']);
  });

  it('closes at the end of an await using block', async () => {
    const { lifetime, log, thing } = closers();
    {
      await using scope = lifetime;
      scope.own('pool', thing('pool'));
      expect(log).toEqual([]);
    }
    expect(log).toEqual(['pool']);
  });
});
