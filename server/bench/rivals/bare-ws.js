// The rival WS: the shortest relay that `ws` allows. Frames come over TCP (u32 length, u8 stream, frame) and go to everybody
// who asked for /<stream>. No login, no bound, no keyframe to start with. Plain JavaScript, so that no loader is measured.

import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { WebSocketServer } from 'ws';

const HEAD_BYTES = 5;
const viewers = new Map();

const http = createServer();
new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', (socket, request) => {
  const stream = Number(request.url.slice(1));
  const watching = viewers.get(stream) ?? new Set();
  viewers.set(stream, watching.add(socket));
  socket.on('close', () => watching.delete(socket));
  socket.on('error', () => socket.terminate());
});

const feed = createTcpServer((socket) => {
  let buffered = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    while (buffered.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + buffered.readUInt32BE(0);
      if (buffered.length < end) break;
      const frame = buffered.subarray(HEAD_BYTES, end);
      for (const viewer of viewers.get(buffered.readUInt8(4)) ?? []) viewer.send(frame);
      buffered = buffered.subarray(end);
    }
  });
});

http.listen(0, '127.0.0.1', () => {
  feed.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ ready: true, port: http.address().port, feedPort: feed.address().port }));
  });
});
