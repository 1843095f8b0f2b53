// The relays that are compared, each with the feed and the viewers that it understands.

import { LoadProcess } from '../harness/load-process.ts';
import type { Program } from '../harness/program.ts';
import type { Resources } from '../harness/resources.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import type { PictureHeight } from '../loads/movie.ts';
import type { StreamShape } from '../loads/picture-source.ts';
import type { ViewersOptions } from '../loads/viewers.ts';
import { startBareWs } from '../rivals/bare-ws.ts';
import { hasMosquitto, startMosquitto } from '../rivals/mosquitto.ts';
import { OldDesign } from '../rivals/old-design.ts';

/** 2.4 Mbit/s a stream, its keyframes included. */
export const FIVE_BY_TWO: StreamShape = { streams: 5, fps: 25, pictureBytes: 10_000, keyframeBytes: 60_000 };

export type SubjectName = 'ours' | 'ws' | 'mosquitto' | 'old';

/** Where the streams come from; they end with it. */
interface Feed extends AsyncDisposable {
  reset: () => Promise<void>;
  readonly cores: number;
  readonly isOverloaded: boolean;
}

export interface Subject {
  name: SubjectName;
  program: Program;
  /** Not counted in: what it needs beside itself. */
  besidePids: () => number[];
  feed: (shape: StreamShape) => Promise<Feed>;
  viewers: Pick<ViewersOptions, 'ports' | 'dialect'>;
}

/** In the order of each round. Owned by `resources`. */
export async function startSubjects(
  resources: Resources,
  { dir, maxViewers, log }: { dir: string; maxViewers: number; log: (line: string) => void },
): Promise<Subject[]> {
  const subjects = [await startOurs(resources, maxViewers), await startWs(resources)];
  if (hasMosquitto()) subjects.push(await startMosq(resources, dir));
  else log('mosquitto is not installed: left out');
  return subjects;
}

export async function startOurs(resources: Resources, maxViewers: number): Promise<Subject> {
  const server = resources.use(await SitecastServer.start({ env: envFor(maxViewers) }));
  const login = await server.createDevice('gateway', 'agent');
  const { dataPort, mediaPort } = server;
  return {
    name: 'ours',
    program: server.program,
    besidePids: () => server.postgresPids,
    feed: (shape) => LoadProcess.start('sitecast-agent', { dataPort, mediaPort, login, shape }),
    viewers: viewersOf(server),
  };
}

/** Room for the load. The other bounds stay as they are by default. */
export function envFor(maxViewers: number): Record<string, string> {
  return {
    MAX_VIEWERS: String(maxViewers),
    MAX_VIEWERS_PER_STREAM: String(maxViewers),
    MAX_VIEWERS_PER_USER: String(maxViewers),
    MAX_VIEWERS_PER_ADDRESS: String(maxViewers),
    HTTP_REQUESTS_PER_MINUTE: '100000',
  };
}

export function viewersOf({ session }: SitecastServer): Pick<ViewersOptions, 'ports' | 'dialect'> {
  const { cookie, url } = session;
  return { ports: [Number(new URL(url).port)], dialect: { kind: 'sitecast', cookie, origin: url } };
}

async function startWs(resources: Resources): Promise<Subject> {
  const { program, port, feedPort } = await startBareWs();
  resources.use(program);
  return {
    name: 'ws',
    program,
    besidePids: () => [],
    feed: (shape) => LoadProcess.start('tcp-feed', { port: feedPort, shape }),
    viewers: { ports: [port], dialect: { kind: 'websocket' } },
  };
}

async function startMosq(resources: Resources, dir: string): Promise<Subject> {
  const { program, port } = await startMosquitto(dir);
  resources.use(program);
  return {
    name: 'mosquitto',
    program,
    besidePids: () => [],
    feed: (shape) => LoadProcess.start('mqtt-feed', { port, shape }),
    viewers: { ports: [port], dialect: { kind: 'mqtt' } },
  };
}

export async function startOld(
  resources: Resources,
  options: { cameras: number; height: PictureHeight },
): Promise<Subject> {
  const old = resources.use(await OldDesign.start(options));
  const { program, viewers } = old;
  return {
    name: 'old',
    program,
    besidePids: () => [],
    feed: ({ streams }) => feedOld(old, streams),
    viewers,
  };
}

/** The cameras are always there; what begins and ends are the ffmpegs that fetch from them. */
async function feedOld(old: OldDesign, streams: number): Promise<Feed> {
  const { cameras } = old;
  await old.startStreams(streams);
  return {
    reset: () => cameras.reset(),
    get cores() {
      return cameras.cores;
    },
    get isOverloaded() {
      return cameras.isOverloaded;
    },
    [Symbol.asyncDispose]: () => old.stopStreams(streams),
  };
}
