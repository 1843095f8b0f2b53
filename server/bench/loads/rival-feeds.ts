// The same frames for the rivals: over plain TCP to the bare broadcaster, at QoS 0 to Mosquitto.

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Load } from './load.ts';
import { connectMqtt } from './mqtt-connection.ts';
import { everyPicture, FrameWriter, type StreamShape } from './picture-source.ts';

export interface RivalFeedOptions {
  port: number;
  shape: StreamShape;
}

interface FeedReport {
  framesSent: number;
}

class RivalFeed implements Load<FeedReport> {
  #framesSent = 0;

  constructor({ shape }: RivalFeedOptions, send: (stream: number, frame: Buffer) => void) {
    const writers = Array.from({ length: shape.streams }, (_, stream) => new FrameWriter(shape, stream));
    everyPicture(shape, (stream, tick) => {
      this.#framesSent += 1;
      send(stream, writers[stream]!.picture(tick));
    });
  }

  reset(): void {
    this.#framesSent = 0;
  }

  report(): FeedReport {
    return { framesSent: this.#framesSent };
  }
}

/** Each frame behind its length (u32) and its stream (u8). */
export async function startTcpFeed(options: RivalFeedOptions): Promise<Load<FeedReport>> {
  const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return new RivalFeed(options, (stream, frame) => {
    const head = Buffer.allocUnsafe(5);
    head.writeUInt32BE(frame.length);
    head.writeUInt8(stream, 4);
    socket.cork();
    socket.write(head);
    socket.write(frame);
    socket.uncork();
  });
}

export async function startMqttFeed(options: RivalFeedOptions): Promise<Load<FeedReport>> {
  const client = await connectMqtt({ port: options.port });
  return new RivalFeed(options, (stream, frame) => void client.publish(`live/${stream}`, frame));
}
