// Which frame is on screen: remembers, for the buffered part of the timeline, which frame ends where. Pure; bounded.

export interface PlaybackMark {
  /** End of the frame on the timeline, seconds. */
  endS: number;
  capturedAtMs: number;
  sequence: number;
}

/** One minute at 30 pictures a second. */
const MAX_MARKS = 1_800;

export class PlaybackMarks {
  #marks: PlaybackMark[] = [];

  add(mark: PlaybackMark): void {
    this.#marks.push(mark);
    if (this.#marks.length > MAX_MARKS) this.#marks.shift();
  }

  /** The frame shown at `timeS`; frames before it are forgotten. */
  at(timeS: number): PlaybackMark | undefined {
    const index = this.#marks.findIndex(({ endS }) => endS > timeS);
    if (index === -1) return this.#marks.at(-1);
    if (index > 0) this.#marks.splice(0, index);
    return this.#marks[0];
  }

  clear(): void {
    this.#marks = [];
  }
}
