-- Clips: video of some seconds around a moment. The files are in DATA_DIR/clips/files, named after the id.

create table clips (
  id ulid primary key,
  site entity_id not null references sites (id),
  camera entity_id not null,
  agent entity_id not null,
  started_at timestamptz not null,
  received_at timestamptz not null,
  duration_ms int not null check (duration_ms >= 0),
  reason text not null check (reason in ('motion', 'command', 'rule')),
  type text not null check (type in ('video/mp4')),
  codec text not null,
  width int not null,
  height int not null,
  bytes int not null check (bytes > 0),
  sha256 sha256 not null,
  mask_version int not null default 0
);
create index clips_camera on clips (site, camera, started_at desc, id desc);
create index clips_started on clips (started_at desc, id desc);
create index clips_site on clips (site, started_at desc, id desc);
comment on table clips is 'Clips that gateways have uploaded. A row exists only while its file does; a file without a row is removed at the next start.';
comment on column clips.id is 'Made on the agent: uploading a clip again changes nothing. Also the name of the file.';
comment on column clips.site is 'From the topic that the agent may publish to.';
comment on column clips.camera is 'May be newer than the inventory, so no reference to cameras.';
comment on column clips.agent is 'Which agent sent it.';
comment on column clips.started_at is 'Of its first picture, by the clock of the gateway.';
comment on column clips.received_at is 'When all of it was safe on the disk of the server.';
comment on column clips.duration_ms is 'As the agent says; the server looks at no picture.';
comment on column clips.reason is 'Why it was recorded.';
comment on column clips.type is 'Media type.';
comment on column clips.codec is 'RFC 6381, as the agent says.';
comment on column clips.width is 'Pixels.';
comment on column clips.height is 'Pixels.';
comment on column clips.bytes is 'Size of the file.';
comment on column clips.sha256 is 'Of the file; checked on arrival. Also its ETag.';
comment on column clips.mask_version is 'Version of the privacy mask burnt in; 0 is none.';

alter table events add column clip_id ulid;
comment on column events.clip_id is 'Of kind clip: the clip, which may be on the gateway only.';
comment on column events.kind is 'motion, frozen, dark, covered, online, offline, clip, ...: open, agents are updated before servers. Of an agent: gap. Of the server: shedding.';
