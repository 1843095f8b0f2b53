// What ffmpeg's log tells of a source before the first picture: its tracks.
//
//   Input #0, rtsp, from '...':
//     Stream #0:0: Video: h264 (High), yuv420p(progressive), 1920x1080, 25 fps, ...
//     Stream #0:1(eng): Audio: aac (LC), 16000 Hz, mono, fltp
//   Output #0, mp4, to 'pipe:1':

export interface Track {
  kind: 'video' | 'audio' | 'subtitle' | 'data';
  /** As ffmpeg names it, such as `h264`, `hevc`, `pcm_alaw`; `none` when it knows no name. */
  codec: string;
  /** Such as `High` or `LC`. */
  profile: string | null;
}

/** Policy: the first ones are kept. Bounds in edge-agent/README.md. */
export const MAX_TRACKS = 16;

const TRACK = /^\s*Stream #0:\d+\S*: (Video|Audio|Subtitle|Data): (\w+)(?: \(([\w.,: +-]{1,40})\))?/;
const INPUT = /^Input #0,/;
const DETAIL = /^ {2}/;
const END_OF_INPUT = /^(?:Output #|Stream mapping:)/;

export class StreamLog {
  readonly tracks: Track[] = [];
  #isInput = false;

  /** @returns whether the line describes something; else it is a warning or an error. */
  take(line: string): boolean {
    if (INPUT.test(line)) this.#isInput = true;
    else if (END_OF_INPUT.test(line)) this.#isInput = false;
    else if (!DETAIL.test(line)) return false;
    else if (this.#isInput) this.#takeTrack(line);
    return true;
  }

  get video(): Track | undefined {
    return this.tracks.find(({ kind }) => kind === 'video');
  }

  #takeTrack(line: string): void {
    const [, kind, codec, profile] = TRACK.exec(line) ?? [];
    if (kind === undefined || codec === undefined || this.tracks.length === MAX_TRACKS) return;
    this.tracks.push({ kind: kind.toLowerCase() as Track['kind'], codec, profile: profile ?? null });
  }
}
