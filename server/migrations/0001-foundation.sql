-- Sites, devices, people, fleet, pictures and events. Readings are in 0002.
-- Ids of sites, agents, cameras and sensors follow PR-2 of shared/PROTOCOL.md; ids of stored things are ULIDs, sorted bytewise.

create domain entity_id as text collate "C" check (value ~ '^[a-z0-9][a-z0-9-]{0,62}$');
create domain ulid as text collate "C" check (value ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$');
create domain sha256 as bytea check (octet_length(value) = 32);

create table sites (
  id entity_id primary key,
  name text not null check (char_length(name) between 1 and 120),
  created_at timestamptz not null default now()
);
comment on table sites is 'A place with cameras and sensors. Everything below belongs to one.';
comment on column sites.id is 'Level of every MQTT topic of the site.';
comment on column sites.name is 'For people.';
comment on column sites.created_at is 'When an admin, or the first device of the site, made it.';

create table devices (
  id entity_id primary key check (id <> 'sensors'),
  site entity_id not null references sites (id),
  kind text not null check (kind in ('agent', 'sensor')),
  secret_hash sha256 not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  last_seen_at timestamptz
);
create index devices_site on devices (site);
comment on table devices is 'Who may log in over MQTT: agents, and sensors that speak for themselves.';
comment on column devices.id is 'MQTT user name. Unique in the whole installation; "sensors" is a word of the topic tree.';
comment on column devices.site is 'The only site whose topics the device may touch.';
comment on column devices.kind is 'agent: a gateway with cameras. sensor: publishes its own readings.';
comment on column devices.secret_hash is 'SHA-256 of the secret. The secret has 256 random bits, so a slow hash would protect nothing.';
comment on column devices.created_at is 'When the secret was handed out.';
comment on column devices.revoked_at is 'Set: the device is refused, and its connection was cut.';
comment on column devices.last_seen_at is 'Last login, to the minute.';

create table users (
  id ulid primary key,
  username text not null unique check (username ~ '^[a-z0-9][a-z0-9._@-]{0,62}$'),
  password_hash text not null,
  role text not null check (role in ('viewer', 'operator', 'admin')),
  sites text[],
  created_at timestamptz not null default now()
);
comment on table users is 'People who log in to the dashboard.';
comment on column users.id is 'Stays when the name changes.';
comment on column users.username is 'Lower case, so that Admin and admin are one.';
comment on column users.password_hash is 'argon2id, with its parameters, in PHC string form.';
comment on column users.role is 'viewer sees, operator also acts on cameras, admin also manages devices and users.';
comment on column users.sites is 'Sites that the user may see; null is all of them.';
comment on column users.created_at is 'When an admin, or the first start, made it.';

create table sessions (
  id_hash sha256 primary key,
  user_id ulid not null references users (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_seen_at timestamptz not null default now()
);
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);
comment on table sessions is 'Logins of browsers.';
comment on column sessions.id_hash is 'SHA-256 of the random id in the cookie: a copy of this table logs nobody in.';
comment on column sessions.user_id is 'Whose login it is.';
comment on column sessions.created_at is 'When the password was given.';
comment on column sessions.expires_at is 'Not valid from then on; swept later.';
comment on column sessions.last_seen_at is 'Last request, to the minute.';

create table tokens (
  id ulid primary key,
  name text not null check (char_length(name) between 1 and 120),
  token_hash sha256 not null unique,
  user_id ulid not null references users (id) on delete cascade,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  expires_at timestamptz
);
create index tokens_user on tokens (user_id);
comment on table tokens is 'Bearer tokens of other programs. A token may do what its user may do.';
comment on column tokens.id is 'How the token is named in lists and when it is removed.';
comment on column tokens.name is 'What it is for, in the words of the person who made it.';
comment on column tokens.token_hash is 'SHA-256 of the token, which was shown once.';
comment on column tokens.user_id is 'In whose name it acts.';
comment on column tokens.created_at is 'When it was made.';
comment on column tokens.last_used_at is 'Last request, to the minute; null before the first.';
comment on column tokens.expires_at is 'Not valid from then on; null is never.';

create table agents (
  site entity_id not null references sites (id),
  id entity_id not null,
  version text,
  boot_id ulid,
  state text not null default 'offline' check (state in ('online', 'offline')),
  since timestamptz not null default now(),
  health jsonb,
  last_seen_at timestamptz,
  primary key (site, id)
);
comment on table agents is 'Last known state of each agent.';
comment on column agents.site is 'Its site.';
comment on column agents.id is 'Its device id.';
comment on column agents.version is 'Of the agent program, from its status message.';
comment on column agents.boot_id is 'Made anew at each start of the agent program.';
comment on column agents.state is 'As last told. While the server runs, the connection itself is the truth.';
comment on column agents.since is 'When the state began.';
comment on column agents.health is 'Newest health message (shared/src/protocol/status.ts, agentHealth).';
comment on column agents.last_seen_at is 'Last message of any kind, to the minute.';

create table cameras (
  site entity_id not null references sites (id),
  id entity_id not null,
  agent entity_id not null,
  name text not null,
  custom_name text check (char_length(custom_name) between 1 and 120),
  report jsonb not null,
  updated_at timestamptz not null default now(),
  primary key (site, id)
);
create index cameras_agent on cameras (site, agent);
comment on table cameras is 'Cameras of the newest inventory of each agent.';
comment on column cameras.site is 'Its site.';
comment on column cameras.id is 'Unique within the site; site/id is its address.';
comment on column cameras.agent is 'Which agent of the site reaches it.';
comment on column cameras.name is 'From the file of the agent.';
comment on column cameras.custom_name is 'Given in the dashboard; wins over name.';
comment on column cameras.report is 'Newest report (shared/src/protocol/status.ts, cameraReport).';
comment on column cameras.updated_at is 'When the report came.';

create table sensors (
  site entity_id not null references sites (id),
  id entity_id not null,
  agent entity_id,
  name text check (char_length(name) between 1 and 120),
  last_seen_at timestamptz,
  primary key (site, id)
);
comment on table sensors is 'Sensors that ever sent a reading, or were made as devices.';
comment on column sensors.site is 'Its site.';
comment on column sensors.id is 'Unique within the site; site/id is its address.';
comment on column sensors.agent is 'The agent that forwards its readings; null when it speaks for itself.';
comment on column sensors.name is 'Given in the dashboard.';
comment on column sensors.last_seen_at is 'Last reading, to the minute.';

create table snapshots (
  id ulid primary key,
  site entity_id not null references sites (id),
  camera entity_id not null,
  agent entity_id not null,
  captured_at timestamptz not null,
  received_at timestamptz not null,
  reason text not null check (reason in ('interval', 'motion', 'command', 'rule')),
  type text not null check (type in ('image/jpeg', 'image/webp')),
  width int not null,
  height int not null,
  bytes int not null,
  sha256 sha256 not null,
  thumbnail_type text not null check (thumbnail_type in ('image/jpeg', 'image/webp')),
  thumbnail_width int not null,
  thumbnail_height int not null,
  thumbnail_bytes int not null,
  mask_version int not null default 0,
  previous_sha256 sha256,
  signature text,
  path text not null,
  thumbnail_path text not null
);
create index snapshots_camera on snapshots (site, camera, captured_at desc, id desc);
create index snapshots_captured on snapshots (captured_at desc, id desc);
create index snapshots_site on snapshots (site, captured_at desc, id desc);
comment on table snapshots is 'Pictures kept for the record. The files are in the media store; a row exists only while both do.';
comment on column snapshots.id is 'Made on the agent: sending a snapshot again changes nothing.';
comment on column snapshots.site is 'From the topic that the agent may publish to.';
comment on column snapshots.camera is 'May be newer than the inventory, so no reference to cameras.';
comment on column snapshots.agent is 'Which agent sent it.';
comment on column snapshots.captured_at is 'By the clock of the gateway.';
comment on column snapshots.received_at is 'When it was safe on the disk of the server.';
comment on column snapshots.reason is 'Why it was taken.';
comment on column snapshots.type is 'Media type of the picture.';
comment on column snapshots.width is 'Pixels.';
comment on column snapshots.height is 'Pixels.';
comment on column snapshots.bytes is 'Size of the picture.';
comment on column snapshots.sha256 is 'Of the picture; checked on arrival. Also its ETag.';
comment on column snapshots.thumbnail_type is 'Media type of the thumbnail.';
comment on column snapshots.thumbnail_width is 'Pixels.';
comment on column snapshots.thumbnail_height is 'Pixels.';
comment on column snapshots.thumbnail_bytes is 'Size of the thumbnail.';
comment on column snapshots.mask_version is 'Version of the privacy mask burnt in; 0 is none.';
comment on column snapshots.previous_sha256 is 'Digest of the camera''s picture before this one, where the agent chains them.';
comment on column snapshots.signature is 'Of the agent over the header, where it signs.';
comment on column snapshots.path is 'In the media store.';
comment on column snapshots.thumbnail_path is 'In the media store.';

create table events (
  id ulid primary key,
  site entity_id not null references sites (id),
  camera entity_id not null,
  agent entity_id not null,
  kind text not null,
  at timestamptz not null,
  until timestamptz,
  detail text,
  snapshot_id ulid,
  received_at timestamptz not null default now()
);
create index events_site on events (site, at desc, id desc);
create index events_camera on events (site, camera, at desc, id desc);
create index events_at on events (at desc, id desc);
comment on table events is 'What happened at a camera, with a begin and, once known, an end.';
comment on column events.id is 'Made on the agent: the message that ends an event carries the id of the one that began it.';
comment on column events.site is 'From the topic.';
comment on column events.camera is 'From the topic.';
comment on column events.agent is 'Which agent sent it.';
comment on column events.kind is 'motion, frozen, dark, covered, online, offline, ...: open, agents are updated before servers.';
comment on column events.at is 'When it began, by the clock of the gateway.';
comment on column events.until is 'When it ended; null while it goes on, or for a moment.';
comment on column events.detail is 'A sentence for a person.';
comment on column events.snapshot_id is 'The picture of it, which may arrive later or be gone by now.';
comment on column events.received_at is 'When the first message of it was stored.';
