// What `probe` prints: the same facts for programs and for people.

import type { Transport } from '../camera/capture-arguments.ts';
import type { ProbedStream } from './camera-probe.ts';
import type { Track } from './stream-log.ts';
import {
  adviceOn,
  codecName,
  shown,
  shownBitRate,
  verdictsOn,
  type Advice,
  type ProfileVerdict,
  type Use,
} from './verdict.ts';

/** Of `probe --json`. */
export interface ProbeReport {
  /** Without credentials. */
  source: string;
  transport: Transport | null;
  video: {
    /** Such as `H.264`. */
    name: string;
    /** RFC 6381, such as `avc1.64001f`. */
    codec: string;
    profile: string | null;
    /** Such as `3.1`; of H.264 and H.265 only. */
    level: string | null;
    width: number;
    height: number;
    declaredFps: number | null;
    fps: number | null;
    keyframeIntervalS: { mean: number; longest: number } | null;
    hasBPictures: boolean;
    bitsPerSecond: number | null;
    largestAccessUnitBytes: number;
    accessUnits: number;
    measuredSeconds: number;
  };
  otherTracks: Track[];
  /** Why the stream ended before its time; null when it did not. */
  endedEarly: string | null;
  profiles: ProfileVerdict[];
  advice: Advice[];
}

export function probeReport(source: string, stream: ProbedStream, use: Use): ProbeReport {
  const { codec, profile, width, height, declaredFps, fps, tracks, endedBy } = stream;
  return {
    source,
    transport: stream.transport,
    video: {
      name: codecName(codec),
      codec,
      profile,
      level: stream.level,
      width,
      height,
      declaredFps,
      fps,
      keyframeIntervalS: stream.keyframeIntervalS,
      hasBPictures: stream.hasBPictures,
      bitsPerSecond: stream.bitsPerSecond,
      largestAccessUnitBytes: stream.largestAccessUnitBytes,
      accessUnits: stream.accessUnits,
      measuredSeconds: Math.round(stream.seconds * 10) / 10,
    },
    otherTracks: tracks.filter((track) => track !== tracks.find(({ kind }) => kind === 'video')),
    endedEarly: endedBy?.message ?? null,
    profiles: verdictsOn(stream, use),
    advice: adviceOn(stream, use),
  };
}

const NAME_WIDTH = 12;

export function reportLines(report: ProbeReport): string[] {
  const { source, transport, video, otherTracks, endedEarly, profiles, advice } = report;
  const over = transport === null ? '' : ` over ${transport.toUpperCase()}`;
  const line = (name: string, text: string): string => `${name.padEnd(NAME_WIDTH)}${text}`;
  return [
    `${source}${over}, measured for ${video.measuredSeconds} s`,
    '',
    line('codec', codecText(video)),
    line('size', `${video.width} x ${video.height}`),
    line('frame rate', frameRateText(video)),
    line('keyframes', keyframeText(video)),
    line('B-pictures', video.hasBPictures ? 'yes' : 'none'),
    line('bit rate', video.bitsPerSecond === null ? 'not known' : shownBitRate(video.bitsPerSecond)),
    line('other', otherTracks.map(({ kind, codec }) => `${kind} ${codec}`).join(', ') || 'nothing'),
    ...(endedEarly === null ? [] : [line('ended', endedEarly)]),
    '',
    ...profiles.map(({ profile, made, why }) => line(profile, `${made}: ${why}`)),
    '',
    ...(advice.length === 0 ? ['Nothing needs to be changed on the camera.'] : ['To change on the camera:']),
    ...advice.map(({ about, text }) => ` -> ${about}: ${text}`),
  ];
}

function codecText({ name, codec, profile, level }: ProbeReport['video']): string {
  const details = [name, profile, level === null ? null : `level ${level}`].filter((part) => part !== null);
  return `${details.join(', ')} (${codec})`;
}

function frameRateText({ declaredFps, fps }: ProbeReport['video']): string {
  const declared = declaredFps === null ? 'none declared' : `${shown(declaredFps)} fps declared`;
  return `${declared}, ${fps === null ? 'too few pictures to measure' : `${fps} fps measured`}`;
}

function keyframeText({ keyframeIntervalS, measuredSeconds }: ProbeReport['video']): string {
  if (keyframeIntervalS === null) return `one in ${measuredSeconds} s`;
  const { mean, longest } = keyframeIntervalS;
  return `every ${mean} s${longest > mean * 1.1 ? `, at most ${longest} s apart` : ''}`;
}
