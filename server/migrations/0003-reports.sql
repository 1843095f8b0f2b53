-- Reports: files that are made in the background, one at a time. The files are in DATA_DIR/reports, named after the id.

create table reports (
  id ulid primary key,
  site entity_id not null references sites (id),
  kind text not null check (kind in ('csv')),
  from_at timestamptz not null,
  to_at timestamptz not null check (to_at > from_at),
  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
  attempts int not null default 0,
  row_count int8 not null default 0,
  bytes int8 not null default 0,
  error_code text,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  check ((state in ('done', 'failed')) = (finished_at is not null)),
  check ((state = 'failed') = (error_code is not null))
);
create index reports_created on reports (created_at desc, id desc);
comment on table reports is 'Reports that were asked for. A row that is done has its file; a file without a row is removed at the next start.';
comment on column reports.id is 'Also the name of the file: nothing that a person types reaches the file system.';
comment on column reports.site is 'Whose readings.';
comment on column reports.kind is 'csv: every reading of the period.';
comment on column reports.from_at is 'At or after.';
comment on column reports.to_at is 'Before.';
comment on column reports.state is 'queued, running, then done or failed. Running in a row and in no process: a crash, and it is queued again.';
comment on column reports.attempts is 'Times that it was begun, without those that a pause or an orderly stop cut short. Bounded, so that a report that ends the server cannot do so for ever.';
comment on column reports.row_count is 'Readings in the file.';
comment on column reports.bytes is 'Size of the file.';
comment on column reports.error_code is 'Why it failed (server/src/errors.ts).';
comment on column reports.created_at is 'When it was asked for.';
comment on column reports.started_at is 'When the last attempt began.';
comment on column reports.finished_at is 'When it was done, or failed.';
