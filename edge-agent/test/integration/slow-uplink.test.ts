import { describe, expect, onTestFinished, test } from 'vitest';
import { decodeFrame, FrameKind, type FrameHeader } from '@sitecast/shared/protocol/frame-header';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { WINDOW_START_BYTES } from '../../src/live/flow-window.ts';
import { LivePublisher } from '../../src/live/live-publisher.ts';
import { MqttConnection } from '../../src/uplink/connection.ts';
import { ScriptedCamera } from '../live/scripted-camera.ts';
import { silentLogger, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { slowLine } from './slow-line.ts';

const address = { site: 'demo', agent: 'gateway' };
const FPS = 25;
const FRAME_BYTES = 10_000;
const SECONDS = 12;
const LINE_BYTES_PER_SECOND = (FPS * FRAME_BYTES) / 2;

async function open(name: string, port: number, subscriptions: string[]): Promise<MqttConnection> {
  const url = `mqtt://127.0.0.1:${port}`;
  const connection = new MqttConnection({
    name,
    url,
    clientId: name,
    username: name,
    password: 'x',
    subscriptions,
    logger: silentLogger,
  });
  onTestFinished(() => connection.close());
  connection.start();
  await waitFor(() => connection.isOnline, name);
  return connection;
}

describe.skipIf(!requireTool('mosquitto', 'live frames go through a real broker'))('a live stream', () => {
  test('on an uplink of half its size stays near now, by leaving whole GOPs out', async () => {
    const mosquitto = await startMosquitto();
    const linePort = await slowLine(mosquitto.port, LINE_BYTES_PER_SECOND);
    const media = await open('gateway', linePort, [topics.liveAck(address)]);
    const server = await open('server', mosquitto.port, [topics.live(address, 'front', 'main')]);
    const camera = new ScriptedCamera();
    const publisher = new LivePublisher({
      address,
      sources: new Map([['front', camera]]),
      media,
      stillsEpoch: 1,
      logger: silentLogger,
    });
    publisher.start();
    onTestFinished(() => publisher.close());

    const received: { header: FrameHeader }[] = [];
    server.onMessage(({ payload }) => void received.push(decodeFrame(payload)));
    const acks = setInterval(() => {
      const sequence = received.at(-1)?.header.sequence;
      if (sequence === undefined) return;
      server.send(topics.liveAck(address), encodeJson({ stream: 'front/main', sequence, receivedBytes: 0 }));
    }, 200);
    onTestFinished(() => clearInterval(acks));

    /** At most, of bytes that were given to the uplink and had not arrived. */
    let mostOnTheWay = 0;
    let emitted = 0;
    const emit = (n: number): void => {
      camera.emit(n % FPS === 0 ? `I${n}` : `P${n}`, { bytes: FRAME_BYTES });
      emitted += 1;
      const given = emitted - publisher.framesDropped;
      mostOnTheWay = Math.max(mostOnTheWay, (given - received.length) * FRAME_BYTES);
    };
    emit(0);
    await publisher.lease({ camera: 'front', profile: 'main' }, 60_000);
    for (let n = 1; n < FPS * SECONDS; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1_000 / FPS));
      emit(n);
    }

    expect(publisher.framesDropped).toBeGreaterThan(FPS);
    // Neither sockets nor kernel nor broker hold more than the window lets out, which is a second of what the line was seen to
    // carry; beside it, a GOP that waits. How old pictures get by that is measured by `npm run bench -- uplink`.
    const window = Math.max(WINDOW_START_BYTES, 2 * LINE_BYTES_PER_SECOND);
    expect(mostOnTheWay).toBeLessThan(window + FPS * FRAME_BYTES);
    await waitFor(() => received.length > FPS * 3, 'pictures of at least three GOPs');
    for (const [index, { header }] of received.entries()) {
      const gap = header.sequence - (received[index - 1]?.header.sequence ?? -1) - 1;
      if (gap > 0)
        expect(header).toMatchObject({ kind: FrameKind.fragment, isKeyframe: true, isDiscontinuity: true });
    }
  });
});
