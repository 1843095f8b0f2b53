// The whole product on a PostgreSQL that was made once for the run: initdb costs more than the rest of a start. What a start on
// nothing does is for launcher.test.ts.

import { preparedCluster } from '../../support/postgres.ts';
import { copyCluster } from '../../support/run-postgres.ts';
import { Sitecast, type StartOptions } from './sitecast.ts';

export async function startSitecast({ args }: Pick<StartOptions, 'args'> = {}): Promise<Sitecast> {
  const prepared = await preparedCluster();
  return Sitecast.start({ args, fill: (folder) => copyCluster(prepared, folder) });
}
