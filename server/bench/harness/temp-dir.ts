// A folder that is gone at the end.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class TempDir implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sitecast-bench-'));

  constructor() {
    // The account that runs PostgreSQL for root must be able to pass.
    chmodSync(this.path, 0o711);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
