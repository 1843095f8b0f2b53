// The narrow view of a camera that live streams need; `camera/camera.ts` fits it.

import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { Fragment, KeyframePicture } from '../camera/fragment.ts';

export interface LiveSource {
  readonly id: string;
  readonly ring: { fromLastKeyframe(): Fragment[]; readonly isNewestGopComplete: boolean };
  report(): CameraReport;
  latestPicture(): KeyframePicture | undefined;
  onFragment(listener: (fragment: Fragment) => void): () => void;
  onPicture(listener: (picture: KeyframePicture) => void): () => void;
}

/** One leased stream; a new connection or lease gets a new one. */
export interface LiveStream {
  start(): void;
  /** The server has received up to this frame. */
  acked(sequence: number): void;
  close(): void;
}
