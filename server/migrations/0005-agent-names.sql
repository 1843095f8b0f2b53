-- Names that people give to gateways.

alter table agents add column name text check (char_length(name) between 1 and 120);
comment on column agents.name is 'Given in the dashboard or by the API; null shows the id.';
