// Gives each connection of the site broker one of a few ids. The same user with the same client id gets the same one, so that a
// sensor that comes back replaces its own dead connection (MQTT-3.1.4-2) and nobody else's.

interface Place {
  /** Who holds it: user and client id. */
  key: string;
  holder: object;
}

export class SitePlaces {
  readonly #places = new Map<number, Place>();
  connectionsReplaced = 0;

  /** @returns the id for the engine. */
  claim(holder: object, user: string, clientId: string): string {
    // A user name holds no newline.
    const key = `${user}\n${clientId}`;
    const number =
      (clientId === '' ? undefined : this.#numberOf((place) => place.key === key)) ?? this.#freeNumber();
    if (this.#places.has(number)) this.connectionsReplaced += 1;
    this.#places.set(number, { key, holder });
    return `site-${number}`;
  }

  release(holder: object): void {
    const number = this.#numberOf((place) => place.holder === holder);
    if (number !== undefined) this.#places.delete(number);
  }

  #numberOf(isIt: (place: Place) => boolean): number | undefined {
    for (const [number, place] of this.#places) if (isIt(place)) return number;
    return undefined;
  }

  // There are never more than connections, which the listener bounds.
  #freeNumber(): number {
    let number = 0;
    while (this.#places.has(number)) number += 1;
    return number;
  }
}
