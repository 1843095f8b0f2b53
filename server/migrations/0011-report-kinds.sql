-- Reports that sum a period up, in a language and by the clock of a place, and schedules that ask for them.

alter table sites add column time_zone text check (char_length(time_zone) between 1 and 64);
comment on column sites.time_zone is 'IANA name: by which clock days, weeks and months of its reports begin. Null: UTC.';

create table report_schedules (
  id ulid primary key,
  site entity_id not null references sites (id),
  kind text not null check (kind in ('html', 'summary-csv', 'xlsx', 'csv')),
  period text not null check (period in ('daily', 'weekly', 'monthly')),
  language text not null check (language in ('en', 'ko')),
  time_zone text not null check (char_length(time_zone) between 1 and 64),
  hour int not null check (hour between 0 and 23),
  created_at timestamptz not null,
  done_until timestamptz not null
);
create index report_schedules_created on report_schedules (created_at desc, id desc);
comment on table report_schedules is 'Reports that are made again and again. Rows are the truth: the job schedulers of BullMQ, named after the id, follow them.';
comment on column report_schedules.id is 'Also the id of its job scheduler.';
comment on column report_schedules.site is 'Of which site.';
comment on column report_schedules.kind is 'As reports.kind.';
comment on column report_schedules.period is 'daily, weekly from Monday, or monthly: the last whole one before the report is made.';
comment on column report_schedules.language is 'Of the reports.';
comment on column report_schedules.time_zone is 'IANA name: by which clock the period and the hour are counted.';
comment on column report_schedules.hour is 'Of the first day after the period: when the report is made.';
comment on column report_schedules.created_at is 'When it was asked for.';
comment on column report_schedules.done_until is 'End of the newest period of which a report was asked for. Those before the schedule are not made.';

alter table reports
  drop constraint reports_kind_check,
  add constraint reports_kind_check check (kind in ('html', 'summary-csv', 'xlsx', 'csv')),
  add column language text not null default 'en' check (language in ('en', 'ko')),
  add column time_zone text not null default 'UTC' check (char_length(time_zone) between 1 and 64),
  add column period text check (period in ('daily', 'weekly', 'monthly')),
  add column schedule ulid references report_schedules (id) on delete set null;
create index reports_schedule on reports (schedule);
comment on column reports.kind is 'html, summary-csv, xlsx: a summary of the period. csv: every reading of it.';
comment on column reports.row_count is 'Readings in the file; of a summary, its entries.';
comment on column reports.language is 'Of the words in a summary.';
comment on column reports.time_zone is 'IANA name: by which clock a summary tells times.';
comment on column reports.period is 'Which one from_at and to_at are; null when they were given.';
comment on column reports.schedule is 'Which schedule asked for it; null when a person did, or the schedule is gone.';
