// Plays the fMP4 of one camera in a <video>, close to its live edge.

const MediaSourceClass = globalThis.MediaSource ?? globalThis.ManagedMediaSource;
const MAX_QUEUE_BYTES = 8 * 1024 * 1024;
const KEEP_BEHIND_S = 5;
const TARGET_S = 0.3;
const HURRY_ABOVE_S = 0.8;
const SEEK_ABOVE_S = 3;

export function canPlay(mime) {
  return MediaSourceClass?.isTypeSupported(mime) ?? false;
}

export class Player {
  #video;
  #onBroken;
  #source = new MediaSourceClass();
  #url = URL.createObjectURL(this.#source);
  #buffer;
  #queue = [];
  #queuedBytes = 0;

  constructor(video, mime, onBroken) {
    this.#video = video;
    this.#onBroken = onBroken;
    video.disableRemotePlayback = true;
    video.src = this.#url;
    this.#source.addEventListener('sourceopen', () => this.#open(mime), { once: true });
    video.addEventListener('error', onBroken);
  }

  push(bytes) {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > MAX_QUEUE_BYTES) this.#onBroken();
    else this.#pump();
  }

  close() {
    this.#video.removeEventListener('error', this.#onBroken);
    this.#buffer = undefined;
    this.#queue = [];
    this.#video.removeAttribute('src');
    this.#video.load();
    URL.revokeObjectURL(this.#url);
  }

  #open(mime) {
    this.#buffer = this.#source.addSourceBuffer(mime);
    // What was left out leaves no hole: one GOP stands next to the other.
    this.#buffer.mode = 'sequence';
    this.#buffer.addEventListener('updateend', () => this.#appended());
    this.#pump();
  }

  #pump() {
    if (!this.#buffer || this.#buffer.updating || this.#queue.length === 0) return;
    const bytes = this.#queue.shift();
    this.#queuedBytes -= bytes.length;
    try {
      this.#buffer.appendBuffer(bytes);
    } catch {
      this.#onBroken();
    }
  }

  #appended() {
    if (!this.#buffer) return;
    this.#stayLive();
    const { buffered } = this.#buffer;
    const behindS = this.#video.currentTime - KEEP_BEHIND_S;
    if (buffered.length > 0 && behindS > buffered.start(0) + 1) this.#buffer.remove(0, behindS);
    else this.#pump();
  }

  #stayLive() {
    const video = this.#video;
    const { buffered } = this.#buffer;
    if (buffered.length === 0) return;
    const aheadS = buffered.end(buffered.length - 1) - video.currentTime;
    if (video.paused) video.play().catch(() => {});
    if (aheadS > SEEK_ABOVE_S) video.currentTime += aheadS - TARGET_S;
    else video.playbackRate = aheadS > HURRY_ABOVE_S ? 1.1 : 1;
  }
}
