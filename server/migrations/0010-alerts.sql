-- Alerts: rules, what they found, and who is told of it.

create table alert_channels (
  id ulid primary key,
  site entity_id references sites (id),
  name text not null check (char_length(name) between 1 and 120),
  kind text not null check (kind in ('webhook', 'email', 'mqtt')),
  enabled boolean not null default true,
  language text not null default 'en' check (language in ('en', 'ko')),
  settings jsonb not null,
  secret text check (octet_length(secret) between 16 and 200),
  created_at timestamptz not null default now(),
  check (secret is null or kind = 'webhook')
);
comment on table alert_channels is 'Where alerts are told: a web server, mailboxes, a device.';
comment on column alert_channels.id is 'How rules name it.';
comment on column alert_channels.site is 'Only rules of this site may use it; null is for all, and for those of the server itself.';
comment on column alert_channels.name is 'For people.';
comment on column alert_channels.kind is 'webhook: a signed POST. email: a mail. mqtt: a message to a device, on a topic of its own.';
comment on column alert_channels.enabled is 'False: nothing is sent through it.';
comment on column alert_channels.language is 'Of the sentences in mails.';
comment on column alert_channels.settings is 'Of webhook: url. Of email: to. Of mqtt: device. The url may hold a secret of its own: it is shown to admins only, and never logged.';
comment on column alert_channels.secret is 'Key of the signature of a webhook. In plain text, because a signature needs it; never in an answer or a log.';
comment on column alert_channels.created_at is 'When an admin made it.';

create table alert_rules (
  id ulid primary key,
  site entity_id references sites (id),
  name text not null check (char_length(name) between 1 and 120),
  severity text not null check (severity in ('info', 'warning', 'critical')),
  enabled boolean not null default true,
  condition jsonb not null,
  for_ms int8 not null check (for_ms >= 0),
  clear_ms int8 not null check (clear_ms >= 0),
  channels text[] not null default '{}',
  snapshot_camera entity_id,
  silenced_until timestamptz,
  silenced_by text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (site is not null or snapshot_camera is null),
  check ((silenced_until is null) = (silenced_by is null))
);
create index alert_rules_site on alert_rules (site);
comment on table alert_rules is 'What people want to be told of.';
comment on column alert_rules.id is 'Stays when the name changes.';
comment on column alert_rules.site is 'Whose sensors, cameras and agents it looks at; null: the server itself.';
comment on column alert_rules.name is 'For people.';
comment on column alert_rules.severity is 'How much it matters; nothing but what people see depends on it.';
comment on column alert_rules.enabled is 'False: the rule looks at nothing.';
comment on column alert_rules.condition is 'Kind and its parameters (server/src/alerts/rule.ts, ruleCondition).';
comment on column alert_rules.for_ms is 'How long the condition must hold before the alert fires.';
comment on column alert_rules.clear_ms is 'How long it must be over before the alert is resolved, so that one which comes and goes is one alert.';
comment on column alert_rules.channels is 'alert_channels.id of those who are told. One that is gone is skipped.';
comment on column alert_rules.snapshot_camera is 'Camera of the site that is asked for a snapshot when an alert fires.';
comment on column alert_rules.silenced_until is 'Nobody is told of a new alert before then; alerts are kept all the same, and those that still fire are told afterwards.';
comment on column alert_rules.silenced_by is 'User name of who silenced it last.';
comment on column alert_rules.created_at is 'When an admin made it.';
comment on column alert_rules.updated_at is 'When site or condition changed last: what the rule found before then is over.';

create table alerts (
  id ulid primary key,
  rule_id ulid references alert_rules (id) on delete set null,
  rule_name text not null,
  site entity_id references sites (id),
  kind text not null,
  subject text not null,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  state text not null check (state in ('firing', 'resolved')),
  condition jsonb not null,
  value float8,
  reason text,
  pending_at timestamptz not null,
  fired_at timestamptz not null,
  resolved_at timestamptz,
  end_reason text check (end_reason in ('cleared', 'rule-changed', 'rule-removed', 'subject-gone')),
  notified boolean not null default false,
  acknowledged_at timestamptz,
  acknowledged_by text,
  acknowledged_note text check (char_length(acknowledged_note) <= 500),
  snapshot_id ulid,
  snapshot_error text,
  check ((state = 'resolved') = (resolved_at is not null)),
  check ((state = 'resolved') = (end_reason is not null)),
  check ((acknowledged_at is null) = (acknowledged_by is null))
);
create index alerts_site on alerts (site, fired_at desc, id desc);
create index alerts_fired on alerts (fired_at desc, id desc);
create index alerts_rule on alerts (rule_id, fired_at desc);
create index alerts_firing on alerts (site) where state = 'firing';
comment on table alerts is 'Every time that a rule fired, with its end once it has one.';
comment on column alerts.id is 'Made when it fired.';
comment on column alerts.rule_id is 'Null: the rule was removed.';
comment on column alerts.rule_name is 'As it was when the alert fired.';
comment on column alerts.site is 'Of the rule; null: of the server itself.';
comment on column alerts.kind is 'Of the condition: threshold, missing, camera-offline, agent-offline, disk-forecast, pressure.';
comment on column alerts.subject is 'What it is about, within the site: sensor/metric, sensor, camera, agent, or server.';
comment on column alerts.severity is 'Of the rule when the alert fired.';
comment on column alerts.state is 'firing, then resolved.';
comment on column alerts.condition is 'Of the rule when the alert fired.';
comment on column alerts.value is 'What it fired for: the reading, minutes of silence, or days until the disk is full; null where there is no number.';
comment on column alerts.reason is 'A code or word that says more: of a camera why it gives no picture, of pressure what is short.';
comment on column alerts.pending_at is 'When the condition began to hold.';
comment on column alerts.fired_at is 'When it had held for long enough.';
comment on column alerts.resolved_at is 'When it had been over for long enough; null while it fires.';
comment on column alerts.end_reason is 'cleared: it is over. rule-changed, rule-removed: nobody looks any more. subject-gone: camera or agent was removed.';
comment on column alerts.notified is 'Whether the channels were told that it fires. False while its rule is silenced.';
comment on column alerts.acknowledged_at is 'When a person took it on; null before.';
comment on column alerts.acknowledged_by is 'User name of that person.';
comment on column alerts.acknowledged_note is 'In the words of that person.';
comment on column alerts.snapshot_id is 'The snapshot that the rule asked for; it may arrive later, or be gone by now.';
comment on column alerts.snapshot_error is 'Why there is none (server/src/errors.ts), where the rule asked for one.';

create table alert_states (
  rule_id ulid not null references alert_rules (id) on delete cascade,
  subject text not null,
  phase text not null check (phase in ('pending', 'firing', 'clearing')),
  since timestamptz not null,
  alert_id ulid references alerts (id),
  primary key (rule_id, subject),
  check ((phase = 'pending') = (alert_id is null))
);
comment on table alert_states is 'How far each rule is with each of its subjects; those that are well have no row. A restart goes on from here.';
comment on column alert_states.rule_id is 'The rule.';
comment on column alert_states.subject is 'As in alerts.';
comment on column alert_states.phase is 'pending: holds, not for long enough yet. firing. clearing: over, not for long enough yet.';
comment on column alert_states.since is 'When the phase began.';
comment on column alert_states.alert_id is 'The alert that fires; null while pending.';

create table alert_clock (
  is_only boolean primary key default true check (is_only),
  ticked_at timestamptz not null
);
comment on table alert_clock is 'One row: when rules were looked at last. What lies between that and the next start is the outage of the server, not of devices.';
comment on column alert_clock.is_only is 'Keeps it one row.';
comment on column alert_clock.ticked_at is 'Written a few times a minute.';

create table disk_levels (
  site entity_id,
  agent entity_id,
  at timestamptz not null,
  free_bytes int8 not null,
  total_bytes int8 not null,
  unique nulls not distinct (site, agent, at),
  check (num_nulls(site, agent) in (0, 2))
);
create index disk_levels_at on disk_levels (at);
comment on table disk_levels is 'Free space every few minutes, for the forecast; kept for as long as forecasts look back.';
comment on column disk_levels.site is 'Of the agent; null: the disk of the server.';
comment on column disk_levels.agent is 'Whose disk; null: the disk of the server.';
comment on column disk_levels.at is 'When it was read.';
comment on column disk_levels.free_bytes is 'For accounts other than root.';
comment on column disk_levels.total_bytes is 'Size of the file system.';

create table alert_deliveries (
  id ulid primary key,
  alert_id ulid references alerts (id) on delete cascade,
  rule_id ulid references alert_rules (id) on delete cascade,
  channel_id ulid not null references alert_channels (id) on delete cascade,
  event text not null check (event in ('firing', 'resolved', 'test')),
  state text not null check (state in ('waiting', 'sent', 'dead')),
  attempts int not null default 0,
  next_at timestamptz not null,
  error_code text,
  error text check (char_length(error) <= 300),
  created_at timestamptz not null,
  finished_at timestamptz,
  unique (alert_id, channel_id, event),
  check ((event = 'test') = (alert_id is null)),
  check ((state = 'waiting') = (finished_at is null))
);
create index alert_deliveries_waiting on alert_deliveries (next_at) where state = 'waiting';
create index alert_deliveries_created on alert_deliveries (created_at desc, id desc);
comment on table alert_deliveries is 'One message to one channel: made in the transaction that stores the alert, sent by a job, tried again, and in the end sent or a dead letter.';
comment on column alert_deliveries.id is 'Also in the message: whoever gets it twice can tell.';
comment on column alert_deliveries.alert_id is 'Null: a test.';
comment on column alert_deliveries.rule_id is 'Of a test: the rule whose button was pressed.';
comment on column alert_deliveries.channel_id is 'To whom.';
comment on column alert_deliveries.event is 'What is told: that the alert fires, that it is resolved, or that a person tests.';
comment on column alert_deliveries.state is 'waiting, then sent or dead. A dead letter stays until a person sends it again or removes it, or newer ones take its place.';
comment on column alert_deliveries.attempts is 'Times that it was tried.';
comment on column alert_deliveries.next_at is 'Not to be tried before.';
comment on column alert_deliveries.error_code is 'Of the last attempt that failed (server/src/errors.ts).';
comment on column alert_deliveries.error is 'What went wrong then, without address, secret or answer.';
comment on column alert_deliveries.created_at is 'When it was made.';
comment on column alert_deliveries.finished_at is 'When it was sent, or given up.';
