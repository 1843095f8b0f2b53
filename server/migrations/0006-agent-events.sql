-- Events of an agent itself, of no camera: what its spool had to give up.

alter table events
  drop constraint events_check,
  add check (num_nulls(site, agent) in (0, 2) and (camera is null or site is not null)),
  add column gap jsonb;
comment on column events.camera is 'From the topic. Null: of an agent, or of the server itself.';
comment on column events.site is 'From the topic. Null, as agent: of the server itself.';
comment on column events.kind is 'motion, frozen, dark, covered, online, offline, ...: open, agents are updated before servers. Of an agent: gap. Of the server: shedding.';
comment on column events.gap is 'Of kind gap: lane, from, to, count, as the agent told it.';
