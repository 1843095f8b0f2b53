// Those who are told of alerts, for real: a web server and a mail server on this machine.

import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createSocketServer, type AddressInfo, type Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Heard {
  headers: IncomingHttpHeaders;
  body: string;
}

export interface WebListener extends AsyncDisposable {
  readonly url: string;
  readonly heard: Heard[];
  /** Of the answers from now on; 0 never answers. */
  status: number;
  location: string | undefined;
}

export async function openWebListener(): Promise<WebListener> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      listener.heard.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      if (listener.status === 0) return;
      const { location } = listener;
      response.writeHead(listener.status, location === undefined ? {} : { location });
      response.end('an answer');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const listener: WebListener = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/of-a-secret-path`,
    heard: [],
    status: 204,
    location: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return listener;
}

export interface MailListener extends AsyncDisposable {
  readonly port: number;
  readonly mails: { from: string; to: string[]; text: string }[];
}

/** Takes mails from `robot` with the password `hunter-2-hunter`, in plain text: it has no certificate. */
export async function openMailListener(): Promise<MailListener> {
  const mails: MailListener['mails'] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'robot' && password === 'hunter-2-hunter'
        ? done(null, { user: username })
        : done(new Error('who are you')),
    onData: (stream, { envelope }, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        const to = envelope.rcptTo.map(({ address }) => address);
        mails.push({ from, to, text: Buffer.concat(chunks).toString() });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export interface DrippingMailServer extends AsyncDisposable {
  readonly port: number;
  /** Those that are open now. */
  readonly connections: ReadonlySet<Socket>;
}

/** Greets, then answers one line after the other and never comes to an end: it is never silent, and takes no mail. */
export async function openDrippingMailServer(): Promise<DrippingMailServer> {
  const connections = new Set<Socket>();
  const server = createSocketServer((socket) => {
    connections.add(socket);
    socket.write('220 hello\r\n');
    const drip = setInterval(() => socket.write('250-drip\r\n'), 50);
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.on('close', () => {
      clearInterval(drip);
      connections.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
