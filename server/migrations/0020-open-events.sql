-- The way to the events that go on: however long ago they began, there are few of them.
create index events_open on events (site, at desc) where until is null and kind not in ('online', 'offline');
comment on column events.until is 'When it ended; null while it goes on, and of the moments online and offline.';
