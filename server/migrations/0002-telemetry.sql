-- Readings: one row a value, by day, and folded into minutes as they are inserted. Hours and days are computed from minutes.

create table series (
  id int generated always as identity primary key,
  site entity_id not null references sites (id),
  sensor entity_id not null,
  metric text collate "C" not null check (metric ~ '^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,62}$'),
  unit text check (char_length(unit) between 1 and 16),
  device entity_id not null,
  created_at timestamptz not null default now(),
  unique (site, sensor, metric)
);
create index series_device on series (device);
comment on table series is 'One metric of one sensor.';
comment on column series.id is 'What the rows of telemetry carry instead of three names.';
comment on column series.site is 'Site of the sensor.';
comment on column series.sensor is 'Sensor id within the site.';
comment on column series.metric is 'Name of the value, such as temperature.';
comment on column series.unit is 'For people; null when nobody said.';
comment on column series.device is 'The device that brought it first. Series are capped for each device.';
comment on column series.created_at is 'When its first value came.';

create table telemetry (
  series_id int not null,
  ts timestamptz not null,
  value float8 not null,
  primary key (series_id, ts)
) partition by range (ts);
comment on table telemetry is 'Raw values, partitioned by UTC day so that retention drops whole days. No default partition: a value of a day without one must not hide.';
comment on column telemetry.series_id is 'series.id, without a foreign key: the check of each row would cost more than the insert.';
comment on column telemetry.ts is 'Time of the reading. With series_id the key that makes a resend harmless.';
comment on column telemetry.value is 'Finite.';

create table telemetry_1m (
  series_id int not null,
  bucket timestamptz not null,
  count int not null,
  sum float8 not null,
  min float8 not null,
  max float8 not null,
  primary key (series_id, bucket)
) partition by range (bucket);
comment on table telemetry_1m is 'Exact fold of telemetry into minutes, partitioned by UTC month. Written only by the statement that inserts the rows folded.';
comment on column telemetry_1m.series_id is 'series.id.';
comment on column telemetry_1m.bucket is 'Begin of the minute.';
comment on column telemetry_1m.count is 'Values in it.';
comment on column telemetry_1m.sum is 'The average is sum / count.';
comment on column telemetry_1m.min is 'Smallest value.';
comment on column telemetry_1m.max is 'Largest value.';

-- ATTACH instead of CREATE ... PARTITION OF: it takes SHARE UPDATE EXCLUSIVE, so readers and writers of other days go on.
create function ensure_partition(parent text, suffix text, lower_bound timestamptz, upper_bound timestamptz) returns void
language plpgsql as $$
declare
  partition text := parent || '_' || suffix;
begin
  if to_regclass(partition) is not null then return; end if;
  perform pg_advisory_xact_lock(hashtext('ensure_partition'));
  if to_regclass(partition) is not null then return; end if;
  execute format('create table %I (like %I including all)', partition, parent);
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, partition, lower_bound, upper_bound);
end
$$;
comment on function ensure_partition is 'Makes one partition when it is missing. Concurrent callers wait for each other.';

create function ensure_telemetry_partitions(day date) returns void
language plpgsql as $$
declare
  day_begin timestamp := day;
  month_begin timestamp := date_trunc('month', day::timestamp);
begin
  perform ensure_partition('telemetry', to_char(day_begin, 'YYYYMMDD'),
    day_begin at time zone 'UTC', (day_begin + interval '1 day') at time zone 'UTC');
  perform ensure_partition('telemetry_1m', to_char(month_begin, 'YYYYMM'),
    month_begin at time zone 'UTC', (month_begin + interval '1 month') at time zone 'UTC');
end
$$;
comment on function ensure_telemetry_partitions is 'Makes room for the readings of one UTC day.';
