// The part of node-rtsp-stream that is used, as mpeg1muxer.js of 0.0.9 has it; the package has no types.

declare module 'node-rtsp-stream/mpeg1muxer.js' {
  import type { ChildProcessWithoutNullStreams } from 'node:child_process';
  import { EventEmitter } from 'node:events';

  export default class Mpeg1Muxer extends EventEmitter {
    /** Starts ffmpeg at once: `-i url -f mpegts -codec:v mpeg1video ...ffmpegOptions -`. */
    constructor(options: { url: string; ffmpegPath: string; ffmpegOptions: Record<string, string> });
    readonly stream: ChildProcessWithoutNullStreams;
  }
}
