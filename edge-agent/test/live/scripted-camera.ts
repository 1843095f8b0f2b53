// A camera without ffmpeg, for what happens after the capture.

import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { Fragment, InitSegment, KeyframePicture } from '../../src/camera/fragment.ts';
import { GopRing } from '../../src/camera/gop-ring.ts';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import { cameraOffline, type LiveSource, type LiveVideo } from '../../src/live/live-source.ts';

function init(epoch: number): InitSegment {
  const codec = 'avc1.42c01f';
  return {
    epoch,
    container: 'fmp4',
    bytes: Buffer.from(`init ${epoch}`),
    codec,
    mime: `video/mp4; codecs="${codec}"`,
    width: 960,
    height: 540,
  };
}

/** A camera that does what the test says. Its fragments hold a text; those that begin with I are keyframes. */
export class ScriptedCamera implements LiveSource {
  readonly id = 'front';
  readonly ring = new GopRing();
  state: CameraReport['state'] = 'live';
  offered: Profile[] = ['main', 'stills'];
  limitedBy: CameraReport['limitedBy'];
  picture: KeyframePicture | undefined;
  #fragments = new Set<(fragment: Fragment) => void>();
  #pictures = new Set<(picture: KeyframePicture) => void>();
  #init = init(1);
  #sequence = 0;

  report(): CameraReport {
    return {
      id: 'front',
      name: 'Front',
      state: this.state,
      reason: null,
      detail: null,
      since: '2026-01-01T00:00:00.000Z',
      codec: null,
      width: null,
      height: null,
      fps: null,
      profiles: this.offered,
      limitedBy: this.limitedBy,
    };
  }

  latestPicture(): KeyframePicture | undefined {
    return this.picture;
  }

  onFragment(listener: (fragment: Fragment) => void): () => void {
    this.#fragments.add(listener);
    return () => void this.#fragments.delete(listener);
  }

  open(profile: Profile): LiveVideo {
    if (profile !== 'main') throw new TypeError('a scripted camera is passed through');
    if (this.ring.bytes === 0) throw cameraOffline(this.report());
    const initOf = (): InitSegment | undefined => this.ring.fromLastKeyframe()[0]?.init;
    return {
      ring: this.ring,
      onFragment: (listener) => this.onFragment(listener),
      get init() {
        return initOf();
      },
      failure: undefined,
      untilInit: () => Promise.reject(new TypeError('a scripted camera has its picture at once')),
      close: () => {},
    };
  }

  onPicture(listener: (picture: KeyframePicture) => void): () => void {
    this.#pictures.add(listener);
    return () => void this.#pictures.delete(listener);
  }

  get listeners(): number {
    return this.#fragments.size + this.#pictures.size;
  }

  restartCapture(epoch: number): void {
    this.ring.clear();
    this.#init = init(epoch);
    this.#sequence = 0;
  }

  emit(text: string, { bytes = 100, capturedAtUs = 1_800_000_000_000_000 } = {}): void {
    const isKeyframe = text.startsWith('I');
    const fragment: Fragment = {
      init: this.#init,
      bytes: Buffer.concat([Buffer.from(text.padEnd(8)), Buffer.alloc(bytes - 8)]),
      isKeyframe,
      isDiscontinuity: this.#sequence === 0,
      sequence: this.#sequence++,
      capturedAtUs,
      decodeTimeS: this.#sequence / 15,
    };
    this.ring.push(fragment);
    for (const listener of this.#fragments) listener(fragment);
  }

  emitPicture(capturedAtMs: number): void {
    this.picture = {
      jpeg: Buffer.from(`jpeg ${capturedAtMs}`),
      luma: new Uint8Array(),
      width: 960,
      height: 540,
      capturedAtMs,
    };
    for (const listener of this.#pictures) listener(this.picture);
  }
}
