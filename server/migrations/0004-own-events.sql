-- Events of the server itself, of no site and no camera: what it shed under pressure.

alter table events
  alter column site drop not null,
  alter column camera drop not null,
  alter column agent drop not null,
  add check (num_nulls(site, camera, agent) in (0, 3));
create index events_own_open on events (kind) where site is null and until is null;
comment on table events is 'What happened at a camera, or to the server, with a begin and, once known, an end.';
comment on column events.site is 'From the topic. Null, as camera and agent: of the server itself.';
comment on column events.kind is 'motion, frozen, dark, covered, online, offline, ...: open, agents are updated before servers. Of the server: shedding.';
