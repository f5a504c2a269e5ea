-- SPDX-License-Identifier: Apache-2.0
-- What the native program is asked about the database that the guest has left behind.
PRAGMA integrity_check;
SELECT count(*), sum(id), sum(amount), min(name), max(name) FROM item;
SELECT kind.title, count(*), sum(amount) FROM item JOIN kind ON kind.id = item.kind GROUP BY 1 ORDER BY 1;
SELECT name, sql FROM sqlite_schema ORDER BY name;
SELECT * FROM sqlite_stat1 ORDER BY idx;
