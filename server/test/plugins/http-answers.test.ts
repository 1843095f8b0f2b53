import Fastify from 'fastify';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { errorAnswers } from '../../src/plugins/errors.ts';
import { HttpAnswers, httpAnswers, UNANSWERED_PER_CONNECTION } from '../../src/plugins/http-answers.ts';
import { testLogger } from '../support/run-postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const GET = 'GET /large HTTP/1.1\r\nhost: x\r\n\r\n';
/** More than the kernels hold of one connection. */
const LARGE_BYTES = 8 * 1024 * 1024;

async function open(maxBytes = 3 * LARGE_BYTES) {
  const answers = new HttpAnswers({ maxBytes });
  const app = Fastify();
  await app.register(httpAnswers, { answers });
  await app.register(errorAnswers, { logger: testLogger });
  app.get('/large', async () => Buffer.alloc(LARGE_BYTES));
  app.get('/small', async () => 'ok');
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  onTestFinished(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  const ask = async (text: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).pause();
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  return { answers, url, ask };
}

describe('answers that are not read', () => {
  it('are counted until they are, or until the connection is gone', async () => {
    const { answers, ask } = await open();
    const [reader, deserter] = [await ask(GET), await ask(GET)];
    await waitFor('both to be counted', () => answers.heldBytes === 2 * LARGE_BYTES);
    reader.resume();
    await waitFor('the one that was read to be given back', () => answers.heldBytes === LARGE_BYTES);
    deserter.destroy();
    await waitFor('the other one to be given back', () => answers.heldBytes === 0);
    reader.destroy();
  });

  it('make further large ones be refused, and small ones not', async () => {
    const { answers, ask, url } = await open();
    const sockets = await Promise.all([ask(GET), ask(GET), ask(GET)]);
    await waitFor('all to be counted', () => answers.heldBytes === 3 * LARGE_BYTES);
    const refused = await fetch(`${url}/large`);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ error: { code: 'MEMORY_PRESSURE' } });
    expect(await (await fetch(`${url}/small`)).text()).toBe('ok');
    expect(answers.counters).toEqual({ answersRefused: 1, connectionsCut: 0 });
    for (const socket of sockets) socket.destroy();
    await waitFor('all to be given back', () => answers.heldBytes === 0);
    expect((await fetch(`${url}/large`)).status).toBe(200);
  });

  it('end a connection that asks on and on without reading', async () => {
    const { answers, ask } = await open(Number.POSITIVE_INFINITY);
    const socket = await ask(GET.repeat(200));
    await waitFor('the end', () => socket.resume().closed);
    expect(answers.counters.connectionsCut).toBe(1);
    await waitFor('everything to be given back', () => answers.heldBytes === 0);
  });

  it('are answered in turn when a client asks a few times ahead', async () => {
    const { answers, ask } = await open();
    const socket = await ask(GET.replace('large', 'small').repeat(UNANSWERED_PER_CONNECTION));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString())).resume();
    await waitFor('all answers', () => text.split('HTTP/1.1 200').length - 1 === UNANSWERED_PER_CONNECTION);
    socket.write(GET.replace('large', 'small').repeat(UNANSWERED_PER_CONNECTION));
    await waitFor(
      'more answers',
      () => text.split('HTTP/1.1 200').length - 1 === 2 * UNANSWERED_PER_CONNECTION,
    );
    expect(answers.counters.connectionsCut).toBe(0);
    socket.destroy();
  });
});
