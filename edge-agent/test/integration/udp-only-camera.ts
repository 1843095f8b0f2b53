// A camera that refuses TCP: npm's rtsp-streaming-server, into which the bundled ffmpeg pushes a picture. Ends with the test.

import { spawn } from 'node:child_process';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { waitFor } from '../support.ts';
import { bundled } from './ffmpegs.ts';

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** It answers 461 to TCP; the bundled ffmpeg pushes a picture into it. @returns the URL of that. */
export async function startUdpOnlyCamera(): Promise<string> {
  const [pushPort, clientPort] = [await freePort(), await freePort()];
  const rtpPort = 20_000 + 2 * Math.floor(Math.random() * 5_000);
  const script = fileURLToPath(new URL('udp-only-server.js', import.meta.url));
  const server = startProgram(process.execPath, [script, ...[pushPort, clientPort, rtpPort].map(String)]);
  await waitFor(() => server.output().includes('up'), 'the RTSP server');
  const encoder = ['-c:v', 'libx264', '-tune', 'zerolatency', '-preset', 'ultrafast', '-g', '15'];
  const scene = ['-re', '-f', 'lavfi', '-i', 'testsrc=s=320x240:r=15', '-pix_fmt', 'yuv420p'];
  startProgram(bundled.path, [...scene, ...encoder, '-f', 'rtsp', `rtsp://127.0.0.1:${pushPort}/live`]);
  await waitFor(() => isAnnounced(clientPort), 'its pusher to announce the stream');
  return `rtsp://127.0.0.1:${clientPort}/live`;
}

function isAnnounced(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`DESCRIBE rtsp://127.0.0.1:${port}/live RTSP/1.0\r\nCSeq: 1\r\n\r\n`),
    );
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('data', (answer: Buffer) => end(answer.toString().startsWith('RTSP/1.0 200')));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}

/** Killed when the test ends. */
function startProgram(path: string, args: string[]): { output: () => string } {
  const program = spawn(path, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const gone = new Promise((resolve) => program.once('close', resolve));
  let output = '';
  program.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  onTestFinished(async () => {
    program.kill('SIGKILL');
    await gone;
  });
  return { output: () => output };
}
