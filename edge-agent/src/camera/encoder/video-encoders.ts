// The H.264 encoders that ffmpeg may have, and what each has to be told for live pictures.

/** In the order in which `auto` tries them: what gateways have first. */
export const HARDWARE_ENCODERS = [
  'h264_v4l2m2m',
  'h264_vaapi',
  'h264_qsv',
  'h264_nvenc',
  'h264_rkmpp',
] as const;
export type HardwareEncoder = (typeof HARDWARE_ENCODERS)[number];
export type VideoEncoder = HardwareEncoder | 'libx264';

export const ENCODER_SETTINGS = ['auto', 'software', ...HARDWARE_ENCODERS] as const;
export type EncoderSetting = (typeof ENCODER_SETTINGS)[number];

export interface EncoderOptions {
  /** Before the input. */
  device: readonly string[];
  /** Behind the scaler: pictures in the form, and where, the encoder takes them. */
  filter: string;
  output: readonly string[];
}

// No B-pictures anywhere: each would hold the picture before it back. Rate and keyframes are told by `encoder-arguments.ts`.
export const ENCODER_OPTIONS: Record<VideoEncoder, EncoderOptions> = {
  libx264: {
    device: [],
    filter: 'format=yuv420p',
    output: ['-preset', 'veryfast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-sc_threshold', '0'],
  },
  h264_v4l2m2m: { device: [], filter: 'format=yuv420p', output: ['-bf', '0'] },
  h264_vaapi: {
    device: ['-vaapi_device', '/dev/dri/renderD128'],
    filter: 'format=nv12,hwupload',
    output: ['-profile:v', 'main', '-bf', '0'],
  },
  h264_qsv: {
    device: [],
    filter: 'format=nv12',
    output: ['-profile:v', 'main', '-bf', '0', '-async_depth', '1', '-forced_idr', '1'],
  },
  h264_nvenc: {
    device: [],
    filter: 'format=yuv420p',
    output: ['-profile:v', 'main', '-bf', '0', '-delay', '0', '-zerolatency', '1', '-forced-idr', '1'],
  },
  h264_rkmpp: { device: [], filter: 'format=nv12', output: ['-profile:v', 'main'] },
};
