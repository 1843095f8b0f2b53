-- Foreign devices: the topics and rules that an admin gives them, and what they told of their own values.

alter table devices add column mapping jsonb check (jsonb_typeof(mapping) = 'object');
comment on column devices.mapping is 'Of a sensor that speaks the language of another project: the topics that it may use beside its own, and rules of its own (server/src/foreign/device-mapping.ts). Null for none.';

create table discovered_values (
  device entity_id not null references devices (id),
  told_by text not null check (char_length(told_by) between 1 and 256),
  told jsonb not null check (jsonb_typeof(told) = 'array'),
  told_at timestamptz not null default now(),
  primary key (device, told_by)
);
comment on table discovered_values is 'What devices told of their values by discovery messages of Home Assistant. A device sends those when it starts, not when the server does.';
comment on column discovered_values.device is 'Whose values they are.';
comment on column discovered_values.told_by is 'The topic of the discovery message; a newer one on the same topic takes its place.';
comment on column discovered_values.told is 'Where each value stands, its name and its unit (shared/src/protocol/mapping/home-assistant.ts, DiscoveredValue).';
comment on column discovered_values.told_at is 'When the message came that said something new.';
