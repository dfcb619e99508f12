-- name: a view in two places
SELECT a.key, b.text FROM renamed a JOIN renamed b ON a.key = b.number;
--> s0 exact(id, n, t, d, ok, x)
--> WITH "once0" AS MATERIALIZED (SELECT "id" AS "id", "n" AS "n", "t" AS "t", "d" AS "d", "ok" AS "ok", "x" AS "x" FROM "s0") SELECT "a"."key" AS "key", "b"."text" AS "text" FROM (SELECT "exact"."id" AS "key", "exact"."n" AS "number", "exact"."t" AS "text" FROM "once0" AS "exact") AS "a" JOIN (SELECT "exact"."id" AS "key", "exact"."n" AS "number", "exact"."t" AS "text" FROM "once0" AS "exact") AS "b" ON "a"."key" = "b"."number"

-- name: conditions in another order
SELECT a.id FROM c.huge a JOIN (SELECT * FROM c.huge WHERE small_id IN (2, 1) AND v > 1) b ON b.id = a.small_id + 1 WHERE a.v > 1 AND a.small_id IN (1, 2);
--> s0 huge(id, small_id, t, v) where v gt 0x1.0000000000000p+0 and small_id in 1, 2
--> WITH "once0" AS MATERIALIZED (SELECT "id" AS "id", "small_id" AS "small_id", "t" AS "t", "v" AS "v" FROM "s0") SELECT "a"."id" AS "id" FROM "once0" AS "a" JOIN (SELECT "huge"."id" AS "id", "huge"."small_id" AS "small_id", "huge"."t" AS "t", "huge"."v" AS "v" FROM "once0" AS "huge" WHERE "huge"."small_id" IN (2, 1) AND "huge"."v" > 1) AS "b" ON "b"."id" = "a"."small_id" + 1 WHERE "a"."v" > 1 AND "a"."small_id" IN (1, 2)

-- name: all rows serve those with a condition
SELECT a.id FROM c.small a JOIN c.small b ON b.id = a.huge_id AND b.huge_id > 5;
--> s0 small(id, huge_id, t)
--> WITH "once0" AS MATERIALIZED (SELECT "id" AS "id", "huge_id" AS "huge_id", "t" AS "t" FROM "s0") SELECT "a"."id" AS "id" FROM "once0" AS "a" JOIN "once0" AS "b" ON "b"."id" = "a"."huge_id" AND "b"."huge_id" > 5

-- name: a whole table is not fetched for a few rows of one more column
SELECT h.id FROM c.huge h WHERE h.small_id > (SELECT max(length(t)) FROM c.huge WHERE id IN (1, 2));
--> s0 huge(id, small_id, t, v)
--> s1 huge(id, small_id, t, v) where id in 1, 2
--> SELECT "h"."id" AS "id" FROM "s0" AS "h" WHERE "h"."small_id" > (SELECT MAX(LENGTH("huge"."t")) AS "_col_0" FROM "s1" AS "huge" WHERE "huge"."id" IN (1, 2))

-- name: another condition
SELECT a.id FROM c.huge a JOIN c.huge b ON a.id = b.id + 1 WHERE a.small_id = 1 AND b.small_id = 2;
--> s0 huge(id, small_id, t, v) where small_id eq 1
--> s1 huge(id, small_id, t, v) where small_id eq 2
--> SELECT "a"."id" AS "id" FROM "s0" AS "a" JOIN "s1" AS "b" ON "a"."id" = "b"."id" + 1 WHERE "a"."small_id" = 1 AND "b"."small_id" = 2

-- name: a pivot sees the columns that it saw, because it groups by all of them
SELECT p.id, p.a, (SELECT max(id) FROM c.small) AS m FROM c.small PIVOT(count(huge_id) FOR t IN ('a', 'b')) AS p;
--> s0 small(id, huge_id, t)
--> WITH "once0" AS MATERIALIZED (SELECT "id" AS "id", "huge_id" AS "huge_id", "t" AS "t" FROM "s0") SELECT "p"."id" AS "id", "p"."a" AS "a", (SELECT MAX("small"."id") AS "_col_0" FROM "once0" AS "small") AS "m" FROM "once0" AS "small" PIVOT(COUNT("huge_id") FOR "t" IN ('a', 'b')) AS "p"

-- name: a large union leaves as it comes
SELECT id FROM c.huge UNION ALL SELECT id FROM c.huge;
--> s0 huge(id, small_id, t, v)
--> s1 huge(id, small_id, t, v)
--> SELECT "huge"."id" AS "id" FROM "s0" AS "huge" UNION ALL SELECT "huge"."id" AS "id" FROM "s1" AS "huge"

-- name: a small union
SELECT id FROM c.small UNION ALL SELECT huge_id FROM c.small;
--> s0 small(id, huge_id, t)
--> WITH "once0" AS MATERIALIZED (SELECT "id" AS "id", "huge_id" AS "huge_id", "t" AS "t" FROM "s0") SELECT "small"."id" AS "id" FROM "once0" AS "small" UNION ALL SELECT "small"."huge_id" AS "huge_id" FROM "once0" AS "small"

-- name: a recursion reads a stream in each round
WITH RECURSIVE r AS (SELECT id FROM c.huge WHERE t = 'a' UNION ALL SELECT h.id FROM r JOIN c.huge h ON h.small_id = r.id) SELECT id FROM r;
--> s1 huge(id, small_id, t, v)
--> WITH RECURSIVE "once0" AS MATERIALIZED (SELECT "id" AS "id", "small_id" AS "small_id", "t" AS "t", "v" AS "v" FROM "s1"), "r" AS (SELECT "huge"."id" AS "id" FROM "once0" AS "huge" WHERE "huge"."t" = 'a' UNION ALL SELECT "h"."id" AS "id" FROM "r" AS "r" JOIN "once0" AS "h" ON "h"."small_id" = "r"."id") SELECT "r"."id" AS "id" FROM "r" AS "r"

-- name: the user's names stay his
WITH once0 AS (SELECT id, huge_id FROM c.small) SELECT a.id FROM once0 a JOIN c.small b ON a.huge_id = b.id;
--> s0 small(id, huge_id, t)
--> WITH "once0_" AS MATERIALIZED (SELECT "id" AS "id", "huge_id" AS "huge_id", "t" AS "t" FROM "s0"), "once0" AS (SELECT "small"."id" AS "id", "small"."huge_id" AS "huge_id" FROM "once0_" AS "small") SELECT "a"."id" AS "id" FROM "once0" AS "a" JOIN "once0_" AS "b" ON "a"."huge_id" = "b"."id"

-- name: a CTE that is used twice is read once already
WITH x AS (SELECT id, t FROM c.huge) SELECT a.id FROM x a JOIN x b ON a.t = b.t;
--> s0 huge(id, small_id, t, v)
--> WITH "x" AS (SELECT "huge"."id" AS "id", "huge"."t" AS "t" FROM "s0" AS "huge") SELECT "a"."id" AS "id" FROM "x" AS "a" JOIN "x" AS "b" ON "a"."t" = "b"."t"
