-- Since when a camera is known: before that it was not there, rather than available.

alter table cameras add column known_since timestamptz not null default now();
update cameras set known_since = least(
  updated_at,
  (select min(captured_at) from snapshots where (snapshots.site, snapshots.camera) = (cameras.site, cameras.id)),
  (select min(at) from events where (events.site, events.camera) = (cameras.site, cameras.id))
);
comment on column cameras.known_since is 'When its agent first told of it. Reports of before say nothing of it.';
