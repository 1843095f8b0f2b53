// What this browser plays: MediaSource, or ManagedMediaSource on iPhones, and the codecs in it.

interface ManagedMediaSourceWindow {
  ManagedMediaSource?: typeof MediaSource;
}

const CANDIDATES = [
  'avc1.42e01e',
  'avc1.42e028',
  'avc1.4d401f',
  'avc1.4d4028',
  'avc1.64001f',
  'avc1.640028',
  'avc1.640033',
  'hvc1.1.6.L120.90',
];

/** undefined when the browser cannot play a stream of fragments at all. */
export function mediaSourceClass(): typeof MediaSource | undefined {
  const managed = (window as ManagedMediaSourceWindow).ManagedMediaSource;
  return typeof MediaSource === 'undefined' ? managed : MediaSource;
}

export function mimeOf(codec: string): string {
  return `video/mp4; codecs="${codec}"`;
}

export function canPlay(mime: string): boolean {
  return mediaSourceClass()?.isTypeSupported(mime) ?? false;
}

export function playableCodecs(): string[] {
  return CANDIDATES.filter((codec) => canPlay(mimeOf(codec)));
}
