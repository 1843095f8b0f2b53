// The rival OLD, as the server was before: node-rtsp-stream starts an ffmpeg for each stream, which decodes it and encodes it
// again as MPEG-1, and sends that to every viewer without a bound; another ffmpeg is started for each snapshot. Plain
// JavaScript, so that no loader is measured. Its one argument is JSON: { dir, cameras: [{ url, port }] }.
//
//   POST   /streams/N    answers when the first bytes of camera N are broadcast, on the port of that camera
//   DELETE /streams/N    answers when its ffmpeg has ended
//   POST   /snapshots/N  a picture of camera N and its thumbnail, into `dir`

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import VideoStream from 'node-rtsp-stream';

// The rate of its source. By itself ffmpeg takes 200 kbit/s, at which pictures of this size are a smear.
const FFMPEG_OPTIONS = { '-r': 25, '-b:v': '2M' };
const { dir, cameras } = JSON.parse(process.argv[2]);
const streams = new Map();
let snapshots = 0;

async function startStream(number) {
  const { url, port } = cameras[number];
  const options = { streamUrl: url, wsPort: port, ffmpegOptions: FFMPEG_OPTIONS };
  const stream = new VideoStream({ name: `camera ${number}`, ...options });
  streams.set(number, stream);
  await once(stream, 'camdata');
  return true;
}

async function stopStream(number) {
  const { stream: ffmpeg } = streams.get(number);
  const hasEnded = ffmpeg.exitCode !== null || ffmpeg.signalCode !== null;
  const ended = hasEnded ? undefined : once(ffmpeg, 'exit');
  streams.get(number).stop();
  streams.delete(number);
  await ended;
  return true;
}

async function takeSnapshot(number) {
  const path = join(dir, String(snapshots++));
  const input = ['-rtsp_transport', 'tcp', '-i', cameras[number].url];
  const picture = ['-frames:v', '1', '-q:v', '2', `${path}.jpg`];
  const thumbnail = ['-frames:v', '1', '-vf', 'scale=320:-2', `${path}-thumbnail.jpg`];
  const args = ['-nostdin', '-loglevel', 'error', '-y', ...input, ...picture, ...thumbnail];
  const ffmpeg = spawn('ffmpeg', args, { stdio: 'ignore' });
  const [code] = await once(ffmpeg, 'exit');
  return code === 0;
}

const ROUTES = { 'POST streams': startStream, 'DELETE streams': stopStream, 'POST snapshots': takeSnapshot };

const http = createServer((request, response) => {
  const [, what, number] = request.url.split('/');
  ROUTES[`${request.method} ${what}`](Number(number)).then(
    (isDone) => response.writeHead(isDone ? 200 : 500).end(),
    () => response.writeHead(500).end(),
  );
});

http.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ ready: true, port: http.address().port })));
