// The other end of a LoadProcess: runs one load, answers its questions, and ends when its parent lets go.

import { LOADS, type AnyLoad } from '../loads/registry.ts';
import type { LoadAnswer, LoadRequest } from './load-process.ts';

let load: AnyLoad | undefined;

async function carryOut(request: LoadRequest): Promise<unknown> {
  switch (request.act) {
    case 'start':
      load = await LOADS[request.name](request.options as never);
      return undefined;
    case 'reset':
      return load?.reset();
    case 'report':
      return load?.report();
    case 'finish':
      return load?.finish?.();
  }
}

process.on('message', (request: LoadRequest) => {
  const answer = (rest: Omit<LoadAnswer, 'id'>): void => void process.send?.({ id: request.id, ...rest });
  carryOut(request).then(
    (value) => answer({ value }),
    (error: unknown) =>
      answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
