-- SPDX-License-Identifier: Apache-2.0
-- A million rows, in a file. All that is printed is the same on every machine: amounts are eighths.
PRAGMA cache_size = 2000;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind INTEGER NOT NULL, amount REAL);
CREATE TABLE kind (id INTEGER PRIMARY KEY, title TEXT UNIQUE);
BEGIN;
WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 1000000)
INSERT INTO item
SELECT n, printf('item-%06x', n * 7919 % 1000003), n * 31 % 97, (n * 2654435761 % 100000) / 8.0
FROM counter;
WITH RECURSIVE counter (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counter WHERE n < 96)
INSERT INTO kind SELECT n, 'kind ' || upper(hex(char(65 + n % 26))) || n FROM counter;
COMMIT;
SELECT 'rows', count(*), sum(amount), min(name), max(name) FROM item;
CREATE INDEX item_kind ON item (kind, amount);
CREATE UNIQUE INDEX item_name ON item (name);
SELECT kind, count(*), sum(amount), avg(amount) FROM item GROUP BY kind ORDER BY 3 DESC, 1 LIMIT 10;
SELECT title, max(amount) FROM item JOIN kind ON kind.id = item.kind
WHERE name LIKE 'item-00%' GROUP BY title ORDER BY 2 DESC, 1 LIMIT 5;
SELECT id, amount, rank() OVER (ORDER BY amount DESC, id) FROM item WHERE kind = 13 ORDER BY 3 LIMIT 5;
SELECT * FROM item WHERE name IN ('item-00001f', 'item-0f4241', 'item-0abcde') ORDER BY id;
BEGIN;
UPDATE item SET amount = amount + 0.125, name = name || '+' WHERE kind % 10 = 3;
ROLLBACK;
UPDATE item SET amount = -amount WHERE kind BETWEEN 20 AND 29;
DELETE FROM item WHERE id % 5 = 0;
SELECT 'changed', count(*), sum(amount), changes() FROM item;
SELECT json_group_array(json_object('kind', kind, 'rows', rows))
FROM (SELECT kind, count(*) AS rows FROM item GROUP BY kind ORDER BY kind LIMIT 4);
VACUUM;
ANALYZE;
PRAGMA integrity_check;
EXPLAIN QUERY PLAN SELECT sum(amount) FROM item WHERE kind = 7 AND amount > 100;
