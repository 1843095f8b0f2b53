-- What the timeline needs beside what is there: outages, counts of events for its far zoom, and ways into the events.

create table outages (
  site entity_id not null references sites (id),
  kind text not null check (kind in ('agent', 'camera', 'sensor')),
  id entity_id not null,
  began timestamptz not null,
  ended timestamptz check (ended >= began),
  reason text not null,
  primary key (site, kind, id, began)
);
create unique index outages_open on outages (site, kind, id) where ended is null;
create index outages_site on outages (site, began);
comment on table outages is 'When an agent, a camera or a sensor was away, by the server''s own knowledge. Those of one thing do not overlap.';
comment on column outages.site is 'Of what was away.';
comment on column outages.kind is 'agent: not connected. camera: its agent had no picture of it. sensor: silent for much longer than usual.';
comment on column outages.id is 'Of the agent, camera or sensor; it may be gone from the lists by now.';
comment on column outages.began is 'When it was lost; of a sensor, its last reading before.';
comment on column outages.ended is 'When it was back, or was removed; null while it is away.';
comment on column outages.reason is 'disconnected of an agent, silent of a sensor; of a camera what its gateway said.';

create table event_counts (
  site entity_id not null references sites (id),
  camera text collate "C" not null,
  hour timestamptz not null,
  kind text not null,
  count int not null check (count >= 0),
  primary key (site, camera, hour, kind)
);
comment on table event_counts is 'Events by the hour in which they began. Triggers keep it in step with events, whoever writes or removes them.';
comment on column event_counts.site is 'events.site. Events of the server itself are not counted.';
comment on column event_counts.hour is 'Begin of the hour, UTC.';
comment on column event_counts.camera is 'events.camera; * for all of the site and its agents, so that the look from far reads as few rows as that at one camera.';
comment on column event_counts.kind is 'events.kind.';
comment on column event_counts.count is 'How many.';

-- Sorted, so that two writers lock rows in the same order.
create function count_added_events() returns trigger language plpgsql as $$
begin
  insert into event_counts as known (site, camera, hour, kind, count)
  select site, counted.camera, date_bin('1 hour', at, timestamptz 'epoch'), kind, count(*)
  from added cross join lateral (values (added.camera::text), ('*')) as counted (camera)
  where site is not null and counted.camera is not null group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (site, camera, hour, kind) do update set count = known.count + excluded.count;
  return null;
end
$$;
comment on function count_added_events is 'Counts the events that a statement really inserted.';

create function count_removed_events() returns trigger language plpgsql as $$
begin
  update event_counts as known set count = known.count - gone.count
  from (
    select site, counted.camera, date_bin('1 hour', at, timestamptz 'epoch') as hour, kind, count(*) as count
    from removed cross join lateral (values (removed.camera::text), ('*')) as counted (camera)
    where site is not null and counted.camera is not null group by 1, 2, 3, 4
  ) as gone
  where (known.site, known.camera, known.hour, known.kind) = (gone.site, gone.camera, gone.hour, gone.kind);
  -- In a statement of its own: it sees what another one has added meanwhile.
  delete from event_counts as known
  using (
    select distinct site, counted.camera, date_bin('1 hour', at, timestamptz 'epoch') as hour, kind
    from removed cross join lateral (values (removed.camera::text), ('*')) as counted (camera)
    where site is not null and counted.camera is not null
  ) as gone
  where (known.site, known.camera, known.hour, known.kind) = (gone.site, gone.camera, gone.hour, gone.kind)
    and known.count = 0;
  return null;
end
$$;
comment on function count_removed_events is 'Takes the events that a statement removed out of the counts.';

create trigger events_added after insert on events
  referencing new table as added for each statement execute function count_added_events();
create trigger events_removed after delete on events
  referencing old table as removed for each statement execute function count_removed_events();

insert into event_counts (site, camera, hour, kind, count)
select site, counted.camera, date_bin('1 hour', at, timestamptz 'epoch'), kind, count(*)
from events cross join lateral (values (events.camera::text), ('*')) as counted (camera)
where site is not null and counted.camera is not null group by 1, 2, 3, 4;

-- Between two moments at which a camera was online there may be many events of other kinds.
create index events_presence on events (site, camera, kind, at) where kind in ('online', 'offline');
-- What began long before the time that is looked at and lasts into it; there are few of these.
create index events_long on events (site, at desc) where (until - at) > interval '1 hour';

-- The outages of cameras that the events so far tell of: from the first offline to the next online.
insert into outages (site, kind, id, began, ended, reason)
select site, 'camera', camera, at, next_online, coalesce(nullif(detail, ''), 'offline')
from (
  select site, camera, kind, at, detail,
    lag(kind) over (partition by site, camera order by at, id) as before,
    min(at) filter (where kind = 'online') over (
      partition by site, camera order by at, id rows between 1 following and unbounded following) as next_online
  from events where kind in ('online', 'offline') and camera is not null
) as told
where kind = 'offline' and before is distinct from 'offline'
on conflict do nothing;
