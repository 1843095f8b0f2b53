-- Evidence: the keys of agents that sign, and their seals, which name everything that they spooled.

comment on column snapshots.previous_sha256 is 'SHA-256 of what was signed of the camera''s snapshot before this one, where the agent signs (PROTOCOL.md, section 17).';
comment on column snapshots.signature is 'ed25519:KEY:SIGNATURE of the agent over what stands in this row, where it signs.';

create table signing_keys (
  site entity_id not null references sites (id),
  agent entity_id not null,
  key_id text not null check (key_id ~ '^[0-9a-f]{16}$'),
  public_key text not null check (char_length(public_key) = 43),
  seen_at timestamptz not null default now(),
  accepted_at timestamptz,
  retired_at timestamptz,
  primary key (site, agent, key_id)
);
comment on table signing_keys is 'Keys with which agents sign. The first of an agent is accepted by itself, any other one by an admin.';
comment on column signing_keys.site is 'Site of the agent.';
comment on column signing_keys.agent is 'Its id.';
comment on column signing_keys.key_id is 'First 16 hex digits of the SHA-256 of the public key: how signatures name it.';
comment on column signing_keys.public_key is '32 bytes of an ed25519 key, base64url.';
comment on column signing_keys.seen_at is 'When the agent first showed it.';
comment on column signing_keys.accepted_at is 'Null: nothing that it signs is believed.';
comment on column signing_keys.retired_at is 'When another key was accepted in its place: what is newer and signed with this one is not believed.';

create table seals (
  site entity_id not null,
  agent entity_id not null,
  chain ulid not null,
  sequence int not null check (sequence > 0),
  at timestamptz not null,
  first_ts timestamptz,
  last_ts timestamptz,
  has_gaps boolean not null,
  body text not null,
  signature text not null,
  received_at timestamptz not null default now(),
  primary key (site, agent, chain, sequence)
);
create index seals_at on seals (site, at);
create index seals_readings on seals (site, last_ts, first_ts);
comment on table seals is 'What agents say, signed, of all that they spooled in a while. Rows are found by their columns; what counts is the body.';
comment on column seals.site is 'From the topic.';
comment on column seals.agent is 'From the topic.';
comment on column seals.chain is 'Seals of one memory of the agent.';
comment on column seals.sequence is '1, 2, 3, ... in the chain.';
comment on column seals.at is 'When it was made, by the clock of the gateway.';
comment on column seals.first_ts is 'Time of the earliest reading in it; null for none.';
comment on column seals.last_ts is 'Time of the latest reading in it.';
comment on column seals.has_gaps is 'It tells of messages that the agent had to give up.';
comment on column seals.body is 'As it was signed (shared/src/protocol/evidence.ts, sealBody).';
comment on column seals.signature is 'ed25519:KEY:SIGNATURE over the body.';
comment on column seals.received_at is 'When it was stored.';

create table seal_anchors (
  site entity_id not null,
  agent entity_id not null,
  chain ulid not null,
  sequence int not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  at timestamptz not null,
  primary key (site, agent, chain)
);
comment on table seal_anchors is 'Where retention has cut a chain of seals: the newest one that it deleted.';
comment on column seal_anchors.site is 'Site of the agent.';
comment on column seal_anchors.agent is 'Its id.';
comment on column seal_anchors.chain is 'The chain.';
comment on column seal_anchors.sequence is 'Of the seal that was deleted last.';
comment on column seal_anchors.sha256 is 'Of what was signed of it: the next one names it.';
comment on column seal_anchors.at is 'When that one was made.';
