// What is kept as files with a row each, and the statement that moves rows to the garbage.

export const MEDIA_KINDS = ['snapshots', 'clips'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];
/** With those that keep themselves below their bounds (server/src/reports/). */
export type FileKind = MediaKind | 'reports';
/** Of a removal; a check of the table `garbage`. */
export type RemovalReason = 'age' | 'bytes' | 'disk' | 'person' | 'doctor';

interface MediaShape {
  /** By this column the oldest goes first; the table has an index of it. */
  at: string;
  paths: string;
  bytes: string;
}

const SHAPES: Record<MediaKind, MediaShape> = {
  snapshots: {
    at: 'captured_at',
    paths: 'case when thumbnail_path = path then array[path] else array[path, thumbnail_path] end',
    bytes: 'bytes + case when thumbnail_path = path then 0 else thumbnail_bytes end',
  },
  clips: { at: 'started_at', paths: 'array[id::text]', bytes: 'bytes' },
};

/** Names of columns, for conditions and lists. */
export const timeColumnOf = (kind: MediaKind): string => SHAPES[kind].at;

/**
 * One statement, so one transaction: the oldest rows that meet the condition go to the garbage, as many as give `$3` bytes, `$1` at
 * most. Rows that somebody else is removing are passed by instead of waited for.
 * @param condition with parameters from `$4` on.
 * @param isRetention moves the horizon, by which a missing item is explained.
 */
export function removalSql(kind: MediaKind, condition: string, isRetention: boolean): string {
  const { at, paths, bytes } = SHAPES[kind];
  const horizon = `, horizon as (
    insert into retention_horizons as known (kind, before) select '${kind}', max(at) from gone having count(*) > 0
    on conflict (kind) do update set before = greatest(known.before, excluded.before))`;
  return `with oldest as (
    select id, ${at} as at, ${bytes} as bytes from ${kind} where ${condition}
    order by ${at}, id limit $1 for update skip locked
  ), due as (
    select id from (select id, sum(bytes) over (order by at, id) - bytes as freed from oldest) as summed where freed < $3
  ), gone as (
    delete from ${kind} as item using due where item.id = due.id
    returning item.id, item.site, item.camera, item.${at} as at, ${qualified(paths)} as paths, ${qualified(bytes)} as bytes
  ), noted as (
    insert into garbage (kind, item, paths, bytes, reason) select '${kind}', id, paths, bytes, $2 from gone
  )${isRetention ? horizon : ''}
  select id, site, camera, bytes from gone`;
}

/** `due` has an id, too. */
function qualified(expression: string): string {
  return expression.replace(/\bid\b/g, 'item.id');
}
