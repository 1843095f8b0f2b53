import Fastify from 'fastify';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HttpBodies, httpBodies } from '../../src/plugins/http-bodies.ts';
import { BODY_MAX_BYTES } from '../../src/plugins/http-limits.ts';
import { waitFor } from '../support/wait-for.ts';

const HEAD = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

async function open() {
  const bodies = new HttpBodies();
  const app = Fastify({ bodyLimit: BODY_MAX_BYTES });
  await app.register(httpBodies, { bodies });
  app.post('/', async () => 'ok');
  app.get('/', async () => 'ok');
  app.post('/upload', { config: { countsBody: true } }, async () => 'ok');
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const send = async (text: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  return { bodies, app, send };
}

describe('bytes of HTTP bodies', () => {
  it('are counted before they come, and given back with the answer or with the connection', async () => {
    const { bodies, app, send } = await open();
    const slow = await send(`${HEAD}content-length: 1000\r\n\r\n{`);
    const chunked = await send(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
    await waitFor('both to be counted', () => bodies.heldBytes === 1_000 + BODY_MAX_BYTES);
    chunked.destroy();
    await waitFor('the one that was cut to be given back', () => bodies.heldBytes === 1_000);
    slow.write(`"a":"${'x'.repeat(992)}"}`);
    const [answer] = (await once(slow, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200/);
    await waitFor('the one that was answered to be given back', () => bodies.heldBytes === 0);
    slow.destroy();
    await app.close();
  });

  it('are not counted here where the route counts them itself', async () => {
    const { bodies, app, send } = await open();
    const socket = await send(`${HEAD.replace('/', '/upload')}content-length: 4\r\n\r\ntrue`);
    const seen = once(socket, 'data');
    const nowhere = await send(`${HEAD.replace('/', '/nowhere')}content-length: 1000\r\n\r\n`);
    await waitFor('the other one to be counted', () => bodies.heldBytes === 1_000);
    expect(((await seen) as [Buffer])[0].toString()).toMatch(/^HTTP\/1\.1 200/);
    for (const each of [socket, nowhere]) each.destroy();
    await waitFor('all to be given back', () => bodies.heldBytes === 0);
    await app.close();
  });

  it('are never more than the bound of a body, whatever a request announces', async () => {
    const { bodies, app, send } = await open();
    const socket = await send(`${HEAD}content-length: 1000000\r\n\r\n`);
    const seen = once(socket, 'data');
    expect(bodies.heldBytes).toBeLessThanOrEqual(BODY_MAX_BYTES);
    expect(((await seen) as [Buffer])[0].toString()).toMatch(/^HTTP\/1\.1 413/);
    socket.destroy();
    await waitFor('all to be given back', () => bodies.heldBytes === 0);
    await app.close();
  });
});
