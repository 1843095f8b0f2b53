// The parts of @cycjimmy/jsmpeg-player 6.1 that are used; the package has no types.

declare module '@cycjimmy/jsmpeg-player' {
  /** Writes pictures to a canvas. */
  interface Renderer {
    destroy(): void;
  }

  interface VideoDecoder {
    connect(destination: Renderer): void;
    /** Decodes one picture. @returns false when there is none. */
    decode(): boolean;
  }

  interface Demuxer {
    connect(streamId: number, destination: VideoDecoder): void;
    write(packets: Uint8Array): void;
  }

  const JSMpeg: {
    Demuxer: { TS: { new (options: object): Demuxer; STREAM: { VIDEO_1: number } } };
    Decoder: { MPEG1Video: new (options: { streaming: boolean; onVideoDecode: () => void }) => VideoDecoder };
    Renderer: { Canvas2D: new (options: { canvas: HTMLCanvasElement }) => Renderer };
  };
  export default JSMpeg;
}
