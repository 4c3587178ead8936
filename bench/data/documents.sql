-- Varied text and JSON, with two indexes. Words are used as unevenly as people use them, beside values that hardly
-- compress (hashes, identifiers) and values that repeat (names of fields, states), as in a real application's tables.
select setseed(0.42);

create table document (
  id bigint not null,
  tenant_id integer not null,
  created_at timestamptz not null,
  state text not null,
  title text not null,
  body text not null,
  attributes jsonb not null
);

insert into document
select id,
       1 + (1000 * random() ^ 2)::integer,
       timestamptz '2025-01-01 00:00:00+00' + id * interval '17 seconds' + random() * interval '9 seconds',
       (array['draft', 'open', 'paid', 'paid', 'paid', 'cancelled'])[1 + floor(6 * random())::integer],
       initcap(text_of.title),
       text_of.body,
       jsonb_build_object(
         'reference', md5(id::text)::uuid,
         'customer', jsonb_build_object('name', initcap(text_of.title), 'email', md5('c' || id % 90000) || '@example.org', 'vip', random() < 0.02),
         'amount', round((10 + 5000 * random() ^ 4)::numeric, 2),
         'currency', (array['EUR', 'EUR', 'EUR', 'USD', 'CHF'])[1 + floor(5 * random())::integer],
         'tags', to_jsonb(text_of.tags),
         'address', host('10.0.0.0'::inet + floor(16000000 * random())::bigint),
         'signature', encode(sha256(id::text::bytea), 'hex'))
from generate_series(1, :documents::bigint) as id
cross join lateral (
  select string_agg(word, ' ') filter (where position <= 3) as title,
         string_agg(word, ' ') as body,
         array_agg(word) filter (where position between 4 and 6) as tags
  from (
    select position, syllable[1 + rank % 20] || syllable[1 + rank / 20 % 20] || syllable[1 + rank / 400] as word
    from (
      -- Of 8,000 words the first ones come often, most of the others seldom.
      select position, floor(8000 * random() ^ 3)::integer * 3 % 8000 as rank,
             array['ba','con','de','er','fi','gra','ho','in','ka','lo','mer','no','or','pre','qui','re','sta','ti','un','ver'] as syllable
      from generate_series(1, 12 + (id * 7919 % 50)::integer) as position
    ) as ranked
  ) as picked
) as text_of;

create index document_attributes on document using gin (attributes jsonb_path_ops);
create index document_tenant on document (tenant_id, created_at);
