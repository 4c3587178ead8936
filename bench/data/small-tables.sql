-- Many small tables, as applications with one schema for each customer have them: two files each, four once vacuumed (maps of visibility and free space).
create procedure make_small_tables(first integer, last integer) language plpgsql as $$
begin
  for n in first .. last loop
    execute format('create table small_%s (id integer primary key, note varchar(200) not null)', n);
    execute format('insert into small_%s select i, md5((%s * 100 + i)::text) || %L from generate_series(1, %s) as i',
                   n, n, ' is the note of a customer', 1 + n % 60);
  end loop;
end $$;

select format('call make_small_tables(%s, %s)', first, least(first + 499, :tables))
from generate_series(1, :tables, 500) as first
\gexec

drop procedure make_small_tables(integer, integer);
