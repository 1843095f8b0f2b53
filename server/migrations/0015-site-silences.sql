-- Silence of a whole site, as during works.

create table site_silences (
  site entity_id primary key references sites (id) on delete cascade,
  until timestamptz not null,
  silenced_by text not null
);
comment on table site_silences is 'Sites of whose new alerts nobody is told for a while. Rows that are over are removed at the next change.';
comment on column site_silences.site is 'All of its rules; those about the server itself are of no site.';
comment on column site_silences.until is 'Nobody is told of a new alert before then; alerts are kept all the same, and those that still fire are told afterwards.';
comment on column site_silences.silenced_by is 'User name of who silenced it last.';
