import { EventEmitter } from 'node:events';
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Principal } from '../../src/auth/principal.ts';
import { LoginWatch } from '../../src/plugins/login-watch.ts';

const ALICE: Principal = { userId: 'a', username: 'alice', role: 'viewer', sites: ['yard'] };

class FakeSocket extends EventEmitter {
  closedWith: number | undefined;
  terminate(): void {}
  close(code: number): void {
    this.closedWith = code;
  }
}

function createWatch() {
  let answer: () => Promise<Principal | undefined> = async () => ALICE;
  let asked = 0;
  const watch = new LoginWatch({
    authenticate: () => {
      asked += 1;
      return answer();
    },
  });
  const raw = {};
  watch.expect({ raw, principal: ALICE } as unknown as FastifyRequest);
  const socket = new FakeSocket();
  watch.opened(socket as unknown as WebSocket, raw as FastifyRequest['raw']);
  return {
    watch,
    socket,
    asked: () => asked,
    answerWith: (next: typeof answer) => {
      answer = next;
    },
  };
}

describe('the watch over logins', () => {
  it('leaves a socket alone while its login holds, or cannot be asked for', async () => {
    const { watch, socket, answerWith } = createWatch();
    await watch.check();
    answerWith(() => Promise.reject(new AppError('STORE_UNAVAILABLE', 'away', { retryable: true })));
    await watch.check();
    expect(socket.closedWith).toBeUndefined();
  });

  it.each<[string, Principal | undefined]>([
    ['the login is over', undefined],
    ['the role is another', { ...ALICE, role: 'admin' }],
    ['the sites are others', { ...ALICE, sites: [] }],
  ])('ends it when %s', async (_case, principal) => {
    const { watch, socket, answerWith } = createWatch();
    answerWith(async () => principal);
    await watch.check();
    expect(socket.closedWith).toBe(1008);
  });

  it('forgets a socket that has closed', async () => {
    const { watch, socket, asked } = createWatch();
    socket.emit('close');
    await watch.check();
    expect(asked()).toBe(0);
  });
});
