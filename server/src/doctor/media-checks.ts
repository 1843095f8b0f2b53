// The scan of the media as lines.

import { failed, ok, warning, type Finding } from '@sitecast/shared/node/check';
import type { FileKind } from '../retention/media-kinds.ts';
import { ORPHANS_FOLDER, type MediaFindings, type MediaScan } from './media-scan.ts';

export async function checkMedia(scan: MediaScan, kind: FileKind): Promise<Finding> {
  return toFinding(await scan.scan(kind));
}

function toFinding({ rows, files, dangling, orphans, partials, strangers }: MediaFindings): Finding {
  const faults = [
    [dangling, 'rows without their file'],
    [orphans, 'files without a row'],
    [partials, 'files half written'],
  ] as const;
  const open = faults.filter(([tally]) => tally.remaining > 0);
  const repaired = faults.filter(([tally]) => tally.repaired > 0);
  const looked = `${rows} rows and ${files} files looked at`;
  if (open.length > 0) {
    const found = open.map(([tally, what]) => `${tally.remaining} ${what}${tally.toText()}`).join('; ');
    return failed(
      `${looked}: ${found}`,
      `doctor --repair removes such rows and sets such files aside in ${ORPHANS_FOLDER}`,
    );
  }
  const done = repaired.map(([tally, what]) => `${tally.repaired} ${what} repaired`).join('; ');
  if (strangers.count > 0)
    return warning(
      `${looked}: ${strangers.count} files are not ours${strangers.toText()}`,
      'move them elsewhere',
    );
  return ok(done === '' ? `${looked}: each has the other` : `${looked}: ${done}`);
}
