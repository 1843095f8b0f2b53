// A crash after each step of a deletion in turn, with several batches of both kinds: whatever happens, no row without its file, no
// file that nobody knows of, and the next run finishes what was begun.

import { describe, expect, it } from 'vitest';
import { Garbage } from '../../src/retention/garbage.ts';
import { MediaRemoval } from '../../src/retention/media-removal.ts';
import type { Database, Queryable } from '../../src/postgres/pool.ts';
import { openMediaHouse, type MediaHouse } from '../support/media.ts';
import { useTestPostgres } from '../support/postgres.ts';

class Crash extends Error {}

/** Throws at the step that it was told, and at every one after it: a process that is dead does nothing more. */
class Steps {
  #left: number;
  taken = 0;

  constructor(crashAt: number) {
    this.#left = crashAt;
  }

  step(): void {
    if (this.#left <= 0) throw new Crash();
    this.#left -= 1;
    this.taken += 1;
  }
}

describe('a deletion that a crash cuts short', () => {
  const postgres = useTestPostgres();

  it('leaves neither orphans nor dangling rows after any step, and is finished by the next run', async () => {
    const house = await openMediaHouse(postgres);
    let crashAt = 0;
    let finished = false;
    for (; !finished; crashAt += 1) {
      await fill(house);
      const kept = await house.storeSnapshot(1);
      finished = await deleteAll(house, new Steps(crashAt));
      expect([crashAt, await house.faults()]).toEqual([crashAt, { dangling: [], orphans: [] }]);
      expect(await deleteAll(house, new Steps(Infinity))).toBe(true);
      expect(await house.ids('snapshots')).toContain(kept);
      expect([await house.ids('clips'), await house.ids('garbage')]).toEqual([[], []]);
      expect(await house.faults()).toEqual({ dangling: [], orphans: [] });
    }
    // Statements, commits and unlinks of two kinds: fewer would mean that steps were not seen.
    expect(crashAt).toBeGreaterThan(20);
  });

  it('does no harm when the process dies at random again and again, with new pictures coming meanwhile', async () => {
    const house = await openMediaHouse(postgres);
    for (let round = 0; round < 40; round += 1) {
      const [kept] = await Promise.all([
        house.storeSnapshot(1),
        fill(house),
        deleteAll(house, new Steps(Math.floor(Math.random() * 12))),
      ]);
      const { dangling } = await house.faults();
      expect(dangling).toEqual([]);
      expect(await house.ids('snapshots')).toContain(kept);
    }
    await deleteAll(house, new Steps(Infinity));
    expect(await house.faults()).toEqual({ dangling: [], orphans: [] });
    expect([(await house.ids('snapshots')).length, await house.ids('clips')]).toEqual([40, []]);
  });
});

async function fill(house: MediaHouse): Promise<void> {
  await Promise.all([
    ...[40, 41, 41, 42].map((days) => house.storeSnapshot(days)),
    ...[40, 43].map((days) => house.storeClip(days)),
  ]);
}

/** @returns false when it crashed on the way. */
async function deleteAll(house: MediaHouse, steps: Steps): Promise<boolean> {
  const database = stepping(house.database, steps);
  const garbage = new Garbage({
    database,
    mediaStore: { remove: (paths) => oneByOne(paths, steps, (path) => house.mediaStore.remove([path])) },
    clipFiles: { remove: (ids) => oneByOne(ids, steps, (id) => house.clipFiles.remove([id])) },
  });
  const media = new MediaRemoval(database);
  const before = new Date(Date.now() - 30 * 86_400_000);
  try {
    while ((await garbage.collect()) > 0);
    for (const kind of ['snapshots', 'clips'] as const)
      while ((await media.removeOldest({ kind, reason: 'age', before, bytes: 500 })).length > 0)
        await garbage.collect();
    return true;
  } catch (error) {
    if (error instanceof Crash) return false;
    throw error;
  }
}

async function oneByOne(
  names: readonly string[],
  steps: Steps,
  remove: (name: string) => Promise<number>,
): Promise<number> {
  for (const name of names) {
    steps.step();
    await remove(name);
  }
  steps.step();
  return names.length;
}

/** A step before and after each statement and each commit. */
function stepping(database: Database, steps: Steps): Database {
  const stepped = (queryable: Queryable): Queryable['query'] =>
    (async (sql: string, values?: unknown[]) => {
      steps.step();
      const rows = await queryable.query(sql, values);
      steps.step();
      return rows;
    }) as Queryable['query'];
  return {
    ...database,
    query: stepped(database),
    async transaction(work) {
      const result = await database.transaction(async (client) => {
        const worked = await work({ query: stepped(client) });
        steps.step();
        return worked;
      });
      steps.step();
      return result;
    },
  };
}
