-- What is deleted, how much is stored, and how fast that grows. Deleting a file has two phases: its row goes into garbage in the
-- transaction that removes it; later the file is unlinked, and then forgotten here. A crash leaves work, never a row without
-- a file or a file without a row.

create table garbage (
  id int8 generated always as identity primary key,
  kind text not null check (kind in ('snapshots', 'clips')),
  item ulid not null,
  paths text[] not null,
  bytes int8 not null,
  reason text not null check (reason in ('age', 'bytes', 'disk', 'person', 'doctor')),
  removed_at timestamptz not null default now()
);
create index garbage_item on garbage (item);
comment on table garbage is 'Files that are to be unlinked: their rows are gone. While an id stands here nothing is filed under it again.';
comment on column garbage.id is 'Oldest first.';
comment on column garbage.kind is 'Table that the row was in.';
comment on column garbage.item is 'Its id there.';
comment on column garbage.paths is 'As the store of the kind names its files.';
comment on column garbage.bytes is 'Of these files together.';
comment on column garbage.reason is 'age, bytes (MEDIA_MAX_BYTES or CLIPS_MAX_BYTES), disk (free space), person (asked for by one), doctor (its file was missing).';
comment on column garbage.removed_at is 'When the row was removed.';

create table retention_horizons (
  kind text primary key check (kind in ('snapshots', 'clips')),
  before timestamptz not null
);
comment on table retention_horizons is 'How far retention has come: what is missing and from before then was most likely deleted by it. Says why a picture that an event names is not there.';
comment on column retention_horizons.kind is 'Table of the items.';
comment on column retention_horizons.before is 'Time of the newest item that retention has deleted.';

create table storage_days (
  kind text not null check (kind in ('snapshots', 'clips', 'reports')),
  day date not null,
  flow text not null check (flow in ('added', 'removed')),
  items int8 not null,
  bytes int8 not null,
  primary key (kind, day, flow)
) with (fillfactor = 50);
comment on table storage_days is 'What came and what went, by UTC day; written by triggers. What is stored is the difference of the sums, so nobody has to count rows.';
comment on column storage_days.kind is 'Table of the items.';
comment on column storage_days.day is 'When it happened. -infinity: everything before those that are kept by day.';
comment on column storage_days.flow is 'Rows of their own, so that ingest and retention never wait for each other.';
comment on column storage_days.items is 'How many.';
comment on column storage_days.bytes is 'Of their files.';

create table disk_days (
  day date primary key,
  total_bytes int8 not null,
  free_bytes int8 not null,
  database_bytes int8 not null
);
comment on table disk_days is 'The disk as it was last seen on each UTC day, for the forecast.';
comment on column disk_days.day is 'UTC.';
comment on column disk_days.total_bytes is 'Size of the file system of DATA_DIR.';
comment on column disk_days.free_bytes is 'What was free of it.';
comment on column disk_days.database_bytes is 'Size of this database, wherever it is.';

create function note_storage(kind_of text, flow_of text, items_of int8, bytes_of int8) returns void language sql as $$
  insert into storage_days as known (kind, day, flow, items, bytes)
  select kind_of, (now() at time zone 'UTC')::date, flow_of, items_of, bytes_of where items_of > 0
  on conflict (kind, day, flow) do update set items = known.items + excluded.items, bytes = known.bytes + excluded.bytes
$$;
comment on function note_storage is 'Adds to the row of today.';

create function count_snapshots() returns trigger language plpgsql as $$
declare
  count_of int8;
  bytes_of int8;
begin
  select count(*), coalesce(sum(bytes + case when thumbnail_path = path then 0 else thumbnail_bytes end), 0)
    into count_of, bytes_of from changed;
  perform note_storage('snapshots', tg_argv[0], count_of, bytes_of);
  return null;
end $$;
comment on function count_snapshots is 'Of a statement as a whole.';

create function count_files() returns trigger language plpgsql as $$
declare
  count_of int8;
  bytes_of int8;
begin
  select count(*), coalesce(sum(bytes), 0) into count_of, bytes_of from changed;
  perform note_storage(tg_table_name, tg_argv[0], count_of, bytes_of);
  return null;
end $$;
comment on function count_files is 'Of a statement as a whole; for tables with a column bytes.';

create trigger snapshots_added after insert on snapshots referencing new table as changed
  for each statement execute function count_snapshots('added');
create trigger snapshots_removed after delete on snapshots referencing old table as changed
  for each statement execute function count_snapshots('removed');
create trigger clips_added after insert on clips referencing new table as changed
  for each statement execute function count_files('added');
create trigger clips_removed after delete on clips referencing old table as changed
  for each statement execute function count_files('removed');

insert into storage_days (kind, day, flow, items, bytes)
select 'snapshots', (received_at at time zone 'UTC')::date, 'added', count(*),
  sum(bytes + case when thumbnail_path = path then 0 else thumbnail_bytes end) from snapshots group by 2
union all
select 'clips', (received_at at time zone 'UTC')::date, 'added', count(*), sum(bytes) from clips group by 2;
