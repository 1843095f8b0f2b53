// Lists cut into days. Pure.

/** Days in the order of the list, each with its items. @param dayOf as it is shown. */
export function daysOf<Item>(items: Item[], dayOf: (item: Item) => string): [day: string, items: Item[]][] {
  const days = new Map<string, Item[]>();
  for (const item of items) {
    const day = dayOf(item);
    const known = days.get(day);
    if (known === undefined) days.set(day, [item]);
    else known.push(item);
  }
  return [...days];
}
