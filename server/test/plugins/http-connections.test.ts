import Fastify from 'fastify';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { httpConnections } from '../../src/plugins/http-connections.ts';
import { waitFor } from '../support/wait-for.ts';

interface Patience {
  maxPerAddress?: number;
  firstRequestWithinMs?: number;
  silentMaxMs?: number;
}

/** More patient than any test, but for what it tries. */
async function open({ maxPerAddress, firstRequestWithinMs = 600_000, silentMaxMs = 600_000 }: Patience = {}) {
  const counted: string[] = [];
  const app = Fastify();
  await app.register(httpConnections, {
    maxPerAddress,
    count: (name) => void counted.push(name),
    firstRequestWithinMs,
    silentMaxMs,
  });
  app.get('/', async () => 'ok');
  app.get('/large', async () => Buffer.alloc(16 * 1024 * 1024));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  onTestFinished(() => {
    app.server.closeAllConnections();
    return app.close();
  });
  const ask = async (text = '', from = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    if (text !== '') socket.write(text);
    return socket;
  };
  return { counted, ask };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

describe('a connection', () => {
  it('that asks for nothing is ended', async () => {
    const { counted, ask } = await open({ firstRequestWithinMs: 200 });
    await once((await ask()).resume(), 'close');
    expect(counted).toEqual(['http_connections_silent']);
  });

  it('that asks may be silent for longer in between', async () => {
    // Long enough for its first request on a machine that is busy; one that stands still for longer is asked again.
    const { counted, ask } = await open({ firstRequestWithinMs: 1_500 });
    const socket = await waitFor('an answer', async () => {
      const asking = await ask(get('/'));
      return (await isAnswered(asking)) ? asking : undefined;
    });
    counted.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    socket.write(get('/'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200/);
    expect(counted).toEqual([]);
    socket.destroy();
  });

  it('that does not read its answer is ended', async () => {
    const { counted, ask } = await open({ silentMaxMs: 500 });
    const socket = (await ask(get('/large'))).pause();
    await waitFor('the end to be counted', () => counted.includes('http_connections_silent'));
    await once(socket.resume(), 'close');
  });

  it('above those that one address may have is closed, and those of others are not', async () => {
    const { counted, ask } = await open({ maxPerAddress: 2 });
    const [first] = [await ask(get('/')), await ask(get('/'))];
    const third = (await ask(get('/'))).resume();
    await waitFor('the third to be closed', () => third.closed);
    expect(counted).toEqual(['http_connections_refused_of_address']);
    const other = await ask(get('/'), '127.0.0.2');
    expect(String(await once(other, 'data'))).toMatch(/200 OK/);
    first.destroy();
    await waitFor('room for another one', async () => {
      const another = await ask(get('/'));
      const isFirst = await isAnswered(another);
      another.destroy();
      return isFirst;
    });
  });
});

async function isAnswered(socket: Socket): Promise<boolean> {
  const answer = once(socket, 'data').then(() => true);
  const end = once(socket, 'close').then(() => false);
  return Promise.race([answer, end]);
}
