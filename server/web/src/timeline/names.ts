// What events and outages are called.

import { isTextKey } from '../i18n/language.ts';
import { keyOf } from '../state/fleet.ts';
import { useFleet, useText } from '../state/hooks.ts';
import type { Thing } from './found.ts';

/** An agent may be newer than this page: its own word for what the page has none for. */
export function useKindName(): (kind: string) => string {
  const t = useText();
  return (kind) => {
    const key = `timeline.kind.${kind}`;
    return isTextKey(key) ? t(key) : kind;
  };
}

/** "Gateway away: barn". */
export function useThingName(site: string): (thing: Thing) => string {
  const t = useText();
  const cameras = useFleet((state) => state.cameras);
  const agents = useFleet((state) => state.agents);
  const sensors = useFleet((state) => state.sensors);
  const records = { camera: cameras, agent: agents, sensor: sensors };
  return ({ kind, id }) => {
    const name = records[kind][keyOf(site, id)]?.name ?? id;
    return `${t(`timeline.away.${kind}`)}: ${name}`;
  };
}
