-- Reports in what is known of the storage.

create function count_reports() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then perform note_storage('reports', 'removed', 1, old.bytes);
  else perform note_storage('reports', 'added', 1, new.bytes);
  end if;
  return null;
end $$;
comment on function count_reports is 'One row at a time: only a report that is done has a file.';

create trigger reports_added after update on reports
  for each row when (new.state = 'done' and old.state <> 'done') execute function count_reports();
create trigger reports_removed after delete on reports
  for each row when (old.state = 'done') execute function count_reports();

insert into storage_days (kind, day, flow, items, bytes)
select 'reports', (finished_at at time zone 'UTC')::date, 'added', count(*), sum(bytes) from reports where state = 'done' group by 2;
