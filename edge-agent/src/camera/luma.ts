// The brightness of a keyframe picture on a small grid: what picture sense looks at. The capture makes it of the picture that it
// has decoded anyway, so nobody has to decode the JPEG again.

export const LUMA_WIDTH = 96;
export const LUMA_HEIGHT = 54;
const LUMA_BYTES = LUMA_WIDTH * LUMA_HEIGHT;

/** LUMA_WIDTH x LUMA_HEIGHT values of 0 to 255, row by row, whatever the shape of the picture was. */
export type Luma = Uint8Array;

/** Filters of ffmpeg that make one of a picture. */
export const LUMA_FILTERS = [`scale=${LUMA_WIDTH}:${LUMA_HEIGHT}:flags=area`, 'format=gray'];

/** Cuts ffmpeg's `rawvideo` of them into pictures; holds one that is not complete. */
export class LumaSplitter {
  readonly #onLuma: (luma: Luma) => void;
  #luma = new Uint8Array(LUMA_BYTES);
  #filled = 0;

  constructor(onLuma: (luma: Luma) => void) {
    this.#onLuma = onLuma;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.subarray(at, at + LUMA_BYTES - this.#filled);
      this.#luma.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
      if (this.#filled === LUMA_BYTES) this.#end();
    }
  }

  #end(): void {
    const luma = this.#luma;
    this.#luma = new Uint8Array(LUMA_BYTES);
    this.#filled = 0;
    this.#onLuma(luma);
  }
}
