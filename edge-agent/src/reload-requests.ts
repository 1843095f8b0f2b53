// Asked for at any time, done one after the other: at most one reload is under way, and one waits, whoever asks how often.

/** What is asked for before `serve()` waits for it, after `close()` nothing is done. */
export class ReloadRequests {
  #reload: (() => Promise<void>) | undefined;
  #isWaiting = false;
  #isAtWork = false;
  #isClosed = false;

  /** Of a signal: returns at once. */
  request(): void {
    this.#isWaiting = true;
    void this.#work();
  }

  /** @param reload never rejects. */
  serve(reload: () => Promise<void>): void {
    this.#reload = reload;
    void this.#work();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #work(): Promise<void> {
    if (this.#isAtWork || !this.#reload) return;
    this.#isAtWork = true;
    while (this.#isWaiting && !this.#isClosed) {
      this.#isWaiting = false;
      await this.#reload();
    }
    this.#isAtWork = false;
  }
}
