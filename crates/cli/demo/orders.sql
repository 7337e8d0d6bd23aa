-- What `tideline demo` lets sqlite3 do: orders come in, are looked up, change, and go.
create table customer(id integer primary key, name text, city text, balance integer);
create table orders(id integer primary key, customer integer, item text, amount integer, state text, note text);
create index orders_by_customer on orders(customer);

insert into customer
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 200)
  select i, 'customer ' || i, 'city ' || (i % 17), 0 from n;

insert into orders
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 800)
  select i, 1 + (i * 7919) % 200, 'item ' || (i * 31 % 100), 1 + i % 50, 'new', zeroblob(i % 7 * 100) from n;

update orders set state = 'paid' where id % 3 = 0;
update customer set balance = (select sum(amount) from orders where customer = customer.id and state = 'paid')
  where id % 4 = 0;
delete from orders where id % 10 = 0;

insert into orders
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)
  select 10000 + i, 1 + (i * 104729) % 200, 'late item ' || i, i % 20, 'new', null from n;

update orders set amount = amount + 1, state = 'checked' where customer between 50 and 120;
select city, count(*), sum(amount) from customer join orders on customer.id = orders.customer group by city;
