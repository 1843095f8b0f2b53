// What was started, ended newest first. (Node 20 has no AsyncDisposableStack.)

export class Resources implements AsyncDisposable {
  #owned: (AsyncDisposable | Disposable)[] = [];

  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    this.#owned.push(resource);
    return resource;
  }

  /** Hands all over to a new owner. */
  move(): Resources {
    const next = new Resources();
    next.#owned = this.#owned;
    this.#owned = [];
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let last = this.#owned.pop(); last; last = this.#owned.pop()) {
      try {
        await (Symbol.asyncDispose in last ? last[Symbol.asyncDispose]() : last[Symbol.dispose]());
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not all could be ended');
  }
}
