-- What devices call their own values.

alter table series add column label text check (char_length(label) between 1 and 80);
comment on column series.label is 'For people, as the device told it by discovery (server/src/foreign/); null when nobody said.';
