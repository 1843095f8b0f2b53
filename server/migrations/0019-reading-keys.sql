-- Rows of readings lie as they came: those of all series beside each other, so that a curve, which is one series over a time, would
-- take a page of the disk for each row. The keys carry the values too: in them the rows of a series lie side by side, and a curve is
-- read from there alone.

alter table telemetry drop constraint telemetry_pkey, add primary key (series_id, ts) include (value);
alter table telemetry_1m drop constraint telemetry_1m_pkey, add primary key (series_id, bucket) include (count, sum, min, max);
alter table telemetry_1h drop constraint telemetry_1h_pkey, add primary key (series_id, bucket) include (count, sum, min, max);
alter table telemetry_1d drop constraint telemetry_1d_pkey, add primary key (series_id, bucket) include (count, sum, min, max);

-- A key tells the values of those pages only that a vacuum has seen since they were written. By its default a vacuum comes when a fifth
-- of a partition is new: of a month, six days of minutes.
create or replace function ensure_partition(parent text, suffix text, lower_bound timestamptz, upper_bound timestamptz) returns void
language plpgsql as $$
declare
  partition text := parent || '_' || suffix;
begin
  if to_regclass(partition) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('ensure_partition'));
  if exists (select from pg_class where relname = partition and relnamespace = current_schema()::regnamespace) then return; end if;
  execute format('create table %I (like %I including all) with (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000)', partition, parent);
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, partition, lower_bound, upper_bound);
end
$$;

do $$
declare
  partition regclass;
begin
  for partition in select inhrelid from pg_inherits
    where inhparent in ('telemetry'::regclass, 'telemetry_1m'::regclass, 'telemetry_1h'::regclass, 'telemetry_1d'::regclass)
  loop
    execute format('alter table %s set (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000)', partition);
  end loop;
end
$$;
