// An RTSP camera that does what a test tells it to, good or bad: RTSP 1.0 (RFC 2326) with H.264 (RFC 6184) interleaved in the TCP
// connection. What it shows was encoded before, by the bundled ffmpeg.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../support.ts';
import { bundled } from './ffmpegs.ts';

export const RTP_CLOCK = 90_000;
const PAYLOAD_TYPE = 96;
/** A NAL unit above it is sent in fragments. */
const RTP_PAYLOAD_MAX = 1_400;

export interface MoviePicture {
  nals: Buffer[];
  isKeyframe: boolean;
  /** When it is shown, in RTP ticks from the first one; pictures stand in the order of decoding. */
  time: number;
}

export interface Movie {
  fps: number;
  pictures: MoviePicture[];
  /** SPS and PPS. */
  parameterSets: Buffer[];
}

export interface MovieOptions {
  size?: string;
  fps?: number;
  seconds?: number;
  /** In pictures. */
  keyframeEvery?: number;
  bPictures?: number;
}

export async function makeMovie({
  size = '320x240',
  fps = 15,
  seconds = 2,
  keyframeEvery = fps,
  bPictures = 0,
}: MovieOptions = {}): Promise<Movie> {
  const folder = await temporaryFolder();
  const [movie, stream] = [join(folder, 'movie.mp4'), join(folder, 'movie.h264')];
  const scene = ['-f', 'lavfi', '-i', `testsrc=s=${size}:r=${fps}`, '-t', String(seconds)];
  const structure = ['-g', String(keyframeEvery), '-bf', String(bPictures), '-sc_threshold', '0'];
  const encoder = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', ...structure];
  await runFfmpeg(...scene, ...encoder, '-x264-params', 'aud=1:b-pyramid=0', movie);
  await runFfmpeg('-i', movie, '-c', 'copy', '-bsf:v', 'h264_mp4toannexb', stream);
  const times = await presentationTimes(movie, fps);
  const pictures = accessUnits(await readFile(stream)).map((nals, index) => ({
    nals,
    isKeyframe: nals.some((nal) => typeOf(nal) === 5),
    time: times[index]!,
  }));
  const parameterSets = pictures[0]!.nals.filter((nal) => typeOf(nal) === 7 || typeOf(nal) === 8);
  return { fps, pictures, parameterSets };
}

async function runFfmpeg(...args: string[]): Promise<string> {
  const quiet = ['-hide_banner', '-nostdin', '-loglevel', 'error', '-y'];
  return (await promisify(execFile)(bundled.path, [...quiet, ...args])).stdout;
}

/** In the order of decoding. */
async function presentationTimes(movie: string, fps: number): Promise<number[]> {
  const output = await runFfmpeg('-i', movie, '-c', 'copy', '-f', 'framecrc', '-');
  const lines = output.split('\n').filter((line) => /^0,/.test(line));
  const [first, ...rest] = lines.map((line) => Number(line.split(',')[2]));
  const all = [first!, ...rest];
  const earliest = Math.min(...all);
  const step = Math.min(...all.filter((time) => time > earliest)) - earliest;
  return all.map((time) => Math.round((((time - earliest) / step) * RTP_CLOCK) / fps));
}

const typeOf = (nal: Buffer): number => nal[0]! & 0x1f;

/** Of a byte stream with delimiters (Rec. ITU-T H.264 annex B); the delimiters are left out. */
function accessUnits(stream: Buffer): Buffer[][] {
  const units: Buffer[][] = [];
  for (const nal of nalUnits(stream)) {
    if (typeOf(nal) === 9) units.push([]);
    else units.at(-1)?.push(nal);
  }
  return units;
}

function* nalUnits(stream: Buffer): Generator<Buffer> {
  const START = Buffer.from([0, 0, 1]);
  for (let at = stream.indexOf(START); at >= 0;) {
    const next = stream.indexOf(START, at + START.length);
    const end = next < 0 ? stream.length : next;
    // A start code may have one more zero in front.
    yield stream.subarray(at + START.length, next > 0 && stream[end - 1] === 0 ? end - 1 : end);
    at = next;
  }
}

export type Script = (session: CameraSession) => Promise<void>;

export interface ScriptedCamera {
  url: string;
  /** How often a client asked it to play. */
  readonly plays: number;
}

export interface ScriptedCameraOptions {
  movie: Movie;
  script: Script;
  /** As the camera announces it; the movie's own by default. */
  announcedFps?: number;
  hasAudio?: boolean;
}

/** Runs the script at each PLAY. Ends with the test. */
export async function startScriptedCamera(options: ScriptedCameraOptions): Promise<ScriptedCamera> {
  const sockets = new Set<Socket>();
  let plays = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    serve(socket, options, () => (plays += 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `rtsp://127.0.0.1:${(server.address() as AddressInfo).port}/cam`,
    get plays() {
      return plays;
    },
  };
}

function serve(socket: Socket, options: ScriptedCameraOptions, onPlay: () => void): void {
  const answers: Record<string, (request: string) => string[]> = {
    OPTIONS: () => ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN'],
    SETUP: () => ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1'],
    PLAY: () => ['Session: 1', 'Range: npt=0.000-'],
    GET_PARAMETER: () => ['Session: 1'],
    TEARDOWN: () => ['Session: 1'],
  };
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let request = takeRequest(); request !== undefined; request = takeRequest()) {
      const [method = ''] = request.split(' ');
      const headers = [`CSeq: ${/^CSeq: *(\d+)/im.exec(request)?.[1]}`];
      const body = method === 'DESCRIBE' ? sessionDescription(options) : '';
      if (body) headers.push('Content-Type: application/sdp', `Content-Length: ${body.length}`);
      headers.push(...(answers[method]?.(request) ?? []));
      socket.write(`RTSP/1.0 200 OK\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
      if (method === 'TEARDOWN') socket.end();
      if (method !== 'PLAY') continue;
      onPlay();
      void options.script(new CameraSession(socket));
    }
  });

  /** Receiver reports of the client stand between its requests. */
  function takeRequest(): string | undefined {
    while (received[0] === 0x24 && received.length >= 4 && received.length >= 4 + received.readUInt16BE(2))
      received = received.subarray(4 + received.readUInt16BE(2));
    const end = received[0] === 0x24 ? -1 : received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const request = received.toString('latin1', 0, end);
    received = received.subarray(end + 4);
    return request;
  }
}

function sessionDescription({
  movie,
  announcedFps = movie.fps,
  hasAudio = false,
}: ScriptedCameraOptions): string {
  const sets = movie.parameterSets.map((set) => set.toString('base64')).join();
  const audio = ['m=audio 0 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=control:track1'];
  return [
    ...['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=scripted', 'c=IN IP4 0.0.0.0', 't=0 0'],
    ...[`m=video 0 RTP/AVP ${PAYLOAD_TYPE}`, `a=rtpmap:${PAYLOAD_TYPE} H264/${RTP_CLOCK}`],
    ...[`a=fmtp:${PAYLOAD_TYPE} packetization-mode=1;sprop-parameter-sets=${sets}`],
    ...[`a=framerate:${announcedFps}`, 'a=control:track0'],
    ...(hasAudio ? audio : []),
    '',
  ].join('\r\n');
}

/** From a PLAY to the end of the connection. */
export class CameraSession {
  readonly #socket: Socket;
  #sequence = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get hasEnded(): boolean {
    return this.#socket.destroyed;
  }

  /** In real time, over and over until `seconds` are over or the client has gone. @returns the RTP time that comes next. */
  async play(movie: Movie, { seconds = Infinity, from = 0 } = {}): Promise<number> {
    const { pictures, fps } = movie;
    const startMs = performance.now();
    const length = (pictures.length * RTP_CLOCK) / fps;
    for (let sent = 0; sent < seconds * fps && !this.hasEnded; sent += 1) {
      const picture = pictures[sent % pictures.length]!;
      const time = picture.time + Math.floor(sent / pictures.length) * length;
      this.send(picture.nals, from + time);
      await delay(Math.max(0, startMs + ((sent + 1) / fps) * 1_000 - performance.now()));
    }
    return from + Math.min(seconds, Number.MAX_SAFE_INTEGER) * RTP_CLOCK;
  }

  /** One picture. @param time RTP ticks. */
  send(nals: Buffer[], time: number): void {
    for (const [index, nal] of nals.entries()) this.#sendNal(nal, time, index === nals.length - 1);
  }

  /** RFC 3550 section 6.4.1: a sender report, as cameras send every few seconds. */
  sendReport(): void {
    const report = Buffer.alloc(28);
    report.writeUInt16BE(0x80c8, 0);
    report.writeUInt16BE(6, 2);
    this.#interleave(1, report);
  }

  /** A video packet whose payload is `bytes`. */
  sendPayload(bytes: Buffer, time: number, isLast = false): void {
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = PAYLOAD_TYPE | (isLast ? 0x80 : 0);
    header.writeUInt16BE(this.#sequence++ & 0xffff, 2);
    header.writeUInt32BE(time % 2 ** 32, 4);
    header.writeUInt32BE(0x5eca, 8);
    this.#interleave(0, Buffer.concat([header, bytes]));
  }

  #sendNal(nal: Buffer, time: number, isLast: boolean): void {
    if (nal.length <= RTP_PAYLOAD_MAX) return this.sendPayload(nal, time, isLast);
    // RFC 6184 section 5.8: FU-A.
    const [indicator, type] = [(nal[0]! & 0xe0) | 28, nal[0]! & 0x1f];
    for (let at = 1; at < nal.length; at += RTP_PAYLOAD_MAX) {
      const piece = nal.subarray(at, at + RTP_PAYLOAD_MAX);
      const [isStart, isEnd] = [at === 1, at + piece.length === nal.length];
      const header = type | (isStart ? 0x80 : 0) | (isEnd ? 0x40 : 0);
      this.sendPayload(Buffer.concat([Buffer.from([indicator, header]), piece]), time, isLast && isEnd);
    }
  }

  #interleave(channel: number, packet: Buffer): void {
    const header = Buffer.from([0x24, channel, packet.length >> 8, packet.length & 0xff]);
    if (!this.hasEnded) this.#socket.write(Buffer.concat([header, packet]));
  }
}
