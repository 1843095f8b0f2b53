-- The last time that the server believed, so that a clock that jumped is noticed before anything is deleted by it.

create table server_clock (
  is_only boolean primary key default true check (is_only),
  seen_at timestamptz not null
);
comment on table server_clock is 'One row: the clock of the server as it was last believed (server/src/retention/clock-trust.ts).';
comment on column server_clock.is_only is 'Keeps it one row.';
comment on column server_clock.seen_at is 'Written once a minute, and not while the clock is doubted.';

insert into server_clock (seen_at) select ticked_at from alert_clock;
