// Small files that a restart reads again: the old one or the new one is there, whole, whenever the power fails.

import { open, rename } from 'node:fs/promises';

/** As JSON. Rejects as {@link replaceFile}. */
export function replaceStateFile(path: string, state: unknown): Promise<void> {
  return replaceFile(path, JSON.stringify(state));
}

/**
 * Readable by its owner only. Rejects when the disk does; what was there before is there still. The name is durable once its
 * folder is synced.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
