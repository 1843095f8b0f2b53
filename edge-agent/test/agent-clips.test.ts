import { expect, onTestFinished, test } from 'vitest';
import { topics } from '@sitecast/shared/protocol/topics';
import { openClips, type ClipParts } from '../src/agent-clips.ts';
import { laneLimits } from '../src/uplink/lanes.ts';
import { Spool } from '../src/uplink/spool.ts';
import { silentLogger, temporaryFolder } from './support.ts';

test('An agent without the key `clips` forgets the pieces of an upload that an earlier run left in the spool', async () => {
  const folder = await temporaryFolder();
  const lanes = laneLimits(16 * 1024 * 1024);
  const spool = await Spool.open({ folder, lanes, logger: silentLogger });
  onTestFinished(() => spool.close());
  await spool.put('clips', topics.clip({ site: 'demo', agent: 'gateway' }, 'front'), Buffer.from('a piece'));
  const config = { clips: undefined, dataDir: folder };
  // Nothing else is looked at then.
  const clips = await openClips({ config, spool, encoders: undefined } as unknown as ClipParts);
  expect(clips).toBeUndefined();
  expect([spool.pendingMessages('clips'), await spool.next('clips', 'fresh')]).toEqual([0, undefined]);
});
