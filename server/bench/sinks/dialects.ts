// How a sink talks to each kind of server: what it sends to be let in, and how it reads.

import { cutMqtt, cutWebSocket, type Cutter } from './message-reader.ts';

export interface Dialect {
  /** Sent once connected. */
  greeting(stream: number, viewer: number): Buffer[];
  /** A WebSocket answers with an HTTP header first. */
  hasHttpAnswer: boolean;
  /** Sent behind the HTTP answer. */
  subscribe?(stream: number): Buffer;
  /** About once a second. */
  progress?(sequence: number): Buffer;
  cut: Cutter;
  /** Binary messages are pieces of an MPEG transport stream, not live frames. */
  isTransportStream?: boolean;
}

export type DialectOptions =
  | { kind: 'sitecast'; cookie: string; origin: string }
  | { kind: 'websocket' }
  | { kind: 'jsmpeg' }
  | { kind: 'mqtt' };

export function dialectOf(options: DialectOptions): Dialect {
  switch (options.kind) {
    case 'sitecast':
      return {
        greeting: () => [
          upgrade('/api/v1/live', new URL(options.origin).host, [
            `Cookie: ${options.cookie}`,
            `Origin: ${options.origin}`,
          ]),
        ],
        hasHttpAnswer: true,
        subscribe: (stream) =>
          text({
            type: 'subscribe',
            camera: `local/cam-${stream}`,
            profile: 'main',
            codecs: ['avc1.640029'],
          }),
        progress: (sequence) => text({ type: 'presented', sequence, bufferedMs: 200 }),
        cut: cutWebSocket,
      };
    case 'websocket':
      return {
        greeting: (stream) => [upgrade(`/${stream}`, 'bench', [])],
        hasHttpAnswer: true,
        cut: cutWebSocket,
      };
    case 'jsmpeg':
      return {
        greeting: () => [upgrade('/', 'bench', [])],
        hasHttpAnswer: true,
        cut: cutWebSocket,
        isTransportStream: true,
      };
    case 'mqtt':
      return {
        greeting: (stream, viewer) => [mqttConnect(`viewer-${viewer}`), mqttSubscribe(`live/${stream}`)],
        hasHttpAnswer: false,
        cut: cutMqtt,
      };
  }
}

function upgrade(path: string, host: string, headers: string[]): Buffer {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

function text(message: object): Buffer {
  return clientFrame(0x1, Buffer.from(JSON.stringify(message)));
}

export function pong(payload: Buffer): Buffer {
  return clientFrame(0xa, payload);
}

/** Masked, as clients must (RFC 6455 section 5.3), with the key 0, which changes nothing. */
function clientFrame(opcode: number, payload: Buffer): Buffer {
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), payload]);
}

function mqttConnect(clientId: string): Buffer {
  const id = Buffer.from(clientId);
  const variable = [0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, id.length, ...id];
  return Buffer.from([0x10, variable.length, ...variable]);
}

function mqttSubscribe(filter: string): Buffer {
  const name = Buffer.from(filter);
  const body = [0, 1, 0, name.length, ...name, 0];
  return Buffer.from([0x82, body.length, ...body]);
}
