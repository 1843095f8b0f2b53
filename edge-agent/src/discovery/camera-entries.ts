// Makes entries of agent.yaml from what devices say of their streams. Pure.

import { parseSource, rtspUrl, withPassword, type RtspSource } from '../camera/source.ts';
import { LOW_MAX_WIDTH } from '../camera/encoder/encoder-arguments.ts';
import type { FoundDevice } from './camera-search.ts';
import type { DeviceAnswer, OnvifProfile } from './onvif-answer.ts';

export interface Stream {
  /** With the user, without a password. */
  source: RtspSource;
  /** `H264`, `H265` ...; empty when the device does not say. */
  encoding: string;
  width: number;
  height: number;
}

export interface CameraEntry {
  id: string;
  name: string;
  address: string;
  main: Stream;
  sub: Stream | undefined;
}

export interface AnsweredDevice {
  device: FoundDevice;
  answer: DeviceAnswer;
}

const MAX_ID_CHARACTERS = 50;
/** Stands where the password belongs. */
const PLACEHOLDER = 'PASSWORD';

/** One camera for each lens or channel of each device. */
export function cameraEntries(answered: readonly AnsweredDevice[], user: string): CameraEntry[] {
  const ids = new Set<string>();
  return answered.flatMap(({ device, answer }) => {
    const channels = streamsByChannel(device.address, answer.profiles, user);
    return channels.map((streams, index) => {
      const [main, sub] = mainAndSub(streams);
      const name = device.name || answer.model || device.address;
      const channel = channels.length > 1 ? ` ${index + 1}` : '';
      const id = freeId(`${idOf(answer.model || device.model)}-${device.address.split('.').at(-1)}`, ids);
      return { id, name: `${name}${channel}`, address: device.address, main, sub };
    });
  });
}

function streamsByChannel(address: string, profiles: OnvifProfile[], user: string): Stream[][] {
  const channels = new Map<string, Stream[]>();
  for (const profile of profiles) {
    const source = sourceOf(profile.uri, address, user);
    if (!source) continue;
    const { encoding, width, height } = profile;
    const streams = channels.get(profile.source) ?? [];
    channels.set(profile.source, [...streams, { source, encoding: encoding.toUpperCase(), width, height }]);
  }
  return [...channels.values()];
}

/** At the address that answered: a camera behind a new router names its old one, and a stranger might name anybody's. */
function sourceOf(uri: string, address: string, user: string): RtspSource | undefined {
  if (!URL.canParse(uri)) return undefined;
  const { protocol, port, pathname, search } = new URL(uri);
  if (protocol !== 'rtsp:' && protocol !== 'rtsps:') return undefined;
  const text = `${protocol}//${address}${port === '' ? '' : `:${port}`}${pathname || '/'}${search}`;
  try {
    const source = parseSource(encodeUnusual(text));
    return source.kind === 'rtsp' ? { ...source, userInfo: encodeURIComponent(user) } : undefined;
  } catch {
    return undefined;
  }
}

/** So that it is one word for YAML, for a shell and for systemd. */
function encodeUnusual(text: string): string {
  return text.replace(/[^\w\-./?&=%:,;@~+]/gu, (character) => encodeURIComponent(character));
}

function mainAndSub(streams: Stream[]): [main: Stream, sub: Stream | undefined] {
  const sorted = [...streams].sort((a, b) => b.width * b.height - a.width * a.height);
  const main = sorted[0]!;
  const smaller = sorted.filter(
    ({ source, width }) => width > 0 && width < main.width && source.path !== main.source.path,
  );
  const isPassedThrough = ({ encoding, width }: Stream): boolean =>
    encoding === 'H264' && width <= LOW_MAX_WIDTH;
  return [main, smaller.find(isPassedThrough) ?? smaller.findLast(({ encoding }) => encoding === 'H264')];
}

function idOf(model: string): string {
  const slug = model.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return slug.slice(0, MAX_ID_CHARACTERS).replace(/^-+|-+$/g, '') || 'camera';
}

function freeId(wanted: string, taken: Set<string>): string {
  let id = wanted;
  for (let number = 2; taken.has(id); number += 1) id = `${wanted}-${number}`;
  taken.add(id);
  return id;
}

/** The variable that holds the address of a stream, with its password. */
function variableOf({ id }: CameraEntry, stream: 'main' | 'sub'): string {
  return `CAMERA_${id.toUpperCase().replaceAll('-', '_')}${stream === 'sub' ? '_SUB' : ''}`;
}

/** Lines of a file for systemd's `EnvironmentFile=`; they hold the password. */
export function environmentLines(entries: readonly CameraEntry[], password: string): string[] {
  return entries.flatMap((entry) =>
    (['main', 'sub'] as const).flatMap((which) => {
      const stream = entry[which];
      const url = stream && rtspUrl(withPassword(stream.source, password));
      return url === undefined ? [] : [`${variableOf(entry, which)}=${url}`];
    }),
  );
}

/**
 * The `cameras` of agent.yaml.
 * @param hasEnvironment the addresses stand in variables; else in the text, with a placeholder for the password.
 */
export function yamlLines(entries: readonly CameraEntry[], hasEnvironment: boolean): string[] {
  const addressOf = (entry: CameraEntry, which: 'main' | 'sub', stream: Stream): string =>
    hasEnvironment
      ? `env:${variableOf(entry, which)}`
      : rtspUrl({ ...stream.source, userInfo: `${stream.source.userInfo}:${PLACEHOLDER}` });
  return entries.flatMap((entry) => {
    const { id, name, address, main, sub } = entry;
    return [
      `  # ${address}: ${shownStream(main)}${sub ? `, and ${shownStream(sub)}` : ''}`,
      `  - id: ${id}`,
      `    name: ${JSON.stringify(name)}`,
      `    source: ${JSON.stringify(addressOf(entry, 'main', main))}`,
      ...(sub ? [`    subStream: ${JSON.stringify(addressOf(entry, 'sub', sub))}`] : []),
    ];
  });
}

function shownStream({ encoding, width, height }: Stream): string {
  return `${encoding || 'video'} ${width}x${height}`;
}
