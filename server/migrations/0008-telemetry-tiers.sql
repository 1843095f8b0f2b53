-- Hours from minutes and days from hours, for those hours only in which something changed; and how far back each tier goes.

create table telemetry_1h (
  series_id int not null,
  bucket timestamptz not null,
  count int not null,
  sum float8 not null,
  min float8 not null,
  max float8 not null,
  primary key (series_id, bucket)
) partition by range (bucket);
comment on table telemetry_1h is 'Hours, computed from telemetry_1m; partitioned by UTC month. An hour that stands in rollup_due is missing or stale.';
comment on column telemetry_1h.series_id is 'series.id.';
comment on column telemetry_1h.bucket is 'Begin of the hour, UTC.';
comment on column telemetry_1h.count is 'Values in it.';
comment on column telemetry_1h.sum is 'The average is sum / count.';
comment on column telemetry_1h.min is 'Smallest value.';
comment on column telemetry_1h.max is 'Largest value.';

create table telemetry_1d (
  series_id int not null,
  bucket timestamptz not null,
  count int not null,
  sum float8 not null,
  min float8 not null,
  max float8 not null,
  primary key (series_id, bucket)
) partition by range (bucket);
comment on table telemetry_1d is 'UTC days, computed from telemetry_1h; partitioned by UTC year. A day with an hour in rollup_due is missing or stale.';
comment on column telemetry_1d.series_id is 'series.id.';
comment on column telemetry_1d.bucket is 'Begin of the day, UTC.';
comment on column telemetry_1d.count is 'Values in it.';
comment on column telemetry_1d.sum is 'The average is sum / count.';
comment on column telemetry_1d.min is 'Smallest value.';
comment on column telemetry_1d.max is 'Largest value.';

create table rollup_due (
  hour timestamptz not null,
  series_id int not null,
  primary key (hour, series_id)
);
comment on table rollup_due is 'Hours whose minutes changed since the hour was computed. Marked by the statement that writes the minutes, removed by the transaction that computes the hour.';
comment on column rollup_due.hour is 'Begin of the hour, UTC. First in the key: the job takes the oldest.';
comment on column rollup_due.series_id is 'series.id.';

create table telemetry_retained (
  tier text primary key check (tier in ('raw', '1m', '1h', '1d')),
  from_at timestamptz not null
);
comment on table telemetry_retained is 'From when on each tier is complete. No row: nothing of it was ever dropped.';
comment on column telemetry_retained.tier is 'raw: telemetry, 1m: telemetry_1m, and so on.';
comment on column telemetry_retained.from_at is 'Retention dropped everything before, and nothing after.';

-- As before, but looks into the catalogue itself: to_regclass remembers that there was no such table, also after the wait for whoever
-- makes it.
create or replace function ensure_partition(parent text, suffix text, lower_bound timestamptz, upper_bound timestamptz) returns void
language plpgsql as $$
declare
  partition text := parent || '_' || suffix;
begin
  if to_regclass(partition) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('ensure_partition'));
  if exists (select from pg_class where relname = partition and relnamespace = current_schema()::regnamespace) then return; end if;
  execute format('create table %I (like %I including all)', partition, parent);
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, partition, lower_bound, upper_bound);
end
$$;

create or replace function ensure_telemetry_partitions(day date) returns void
language plpgsql as $$
declare
  day_begin timestamp := day;
  month_begin timestamp := date_trunc('month', day::timestamp);
  year_begin timestamp := date_trunc('year', day::timestamp);
begin
  perform ensure_partition('telemetry', to_char(day_begin, 'YYYYMMDD'),
    day_begin at time zone 'UTC', (day_begin + interval '1 day') at time zone 'UTC');
  perform ensure_partition('telemetry_1m', to_char(month_begin, 'YYYYMM'),
    month_begin at time zone 'UTC', (month_begin + interval '1 month') at time zone 'UTC');
  perform ensure_partition('telemetry_1h', to_char(month_begin, 'YYYYMM'),
    month_begin at time zone 'UTC', (month_begin + interval '1 month') at time zone 'UTC');
  perform ensure_partition('telemetry_1d', to_char(year_begin, 'YYYY'),
    year_begin at time zone 'UTC', (year_begin + interval '1 year') at time zone 'UTC');
end
$$;

-- What is there already: every hour of it is due. Months without rows of their own tier get no partition of it.
do $$
declare
  month timestamp;
begin
  for month in select to_date(right(c.relname, 6), 'YYYYMM')
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'telemetry_1m'::regclass
  loop
    perform ensure_partition('telemetry_1h', to_char(month, 'YYYYMM'),
      month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
    perform ensure_partition('telemetry_1d', to_char(month, 'YYYY'),
      date_trunc('year', month) at time zone 'UTC', (date_trunc('year', month) + interval '1 year') at time zone 'UTC');
  end loop;
end
$$;
insert into rollup_due (hour, series_id) select distinct date_bin('1 hour', bucket, 'epoch'), series_id from telemetry_1m;
