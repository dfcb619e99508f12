-- name: what is selected and filtered by
SELECT id FROM c.exact WHERE n = 1;
--> s0 exact(id, n) where n eq 1
--> note s0: 2 of 6 columns
--> SELECT "exact"."id" AS "id" FROM "s0" AS "exact" WHERE "exact"."n" = 1

-- name: the narrowest column where only rows count
SELECT count(*) FROM c.exact;
--> s0 exact(ok)
--> note s0: 1 of 6 columns
--> SELECT COUNT(*) AS "_col_0" FROM "s0" AS "exact"

-- name: through a view
SELECT id FROM outer_view;
--> s0 small(id, huge_id)
--> s1 huge(id)
--> note s0: 2 of 3 columns
--> note s1: 1 of 4 columns
--> SELECT "outer_view"."id" AS "id" FROM (SELECT "s"."id" AS "id" FROM "s0" AS "s" LEFT JOIN "s1" AS "h" ON "h"."id" = "s"."huge_id") AS "outer_view"

-- name: what a join and an order need
SELECT s.id FROM c.small s JOIN c.huge h ON h.id = s.huge_id ORDER BY h.v;
--> s0 small(id, huge_id)
--> s1 huge(id, v)
--> note s0: 2 of 3 columns
--> note s1: 2 of 4 columns
--> SELECT "s"."id" AS "id" FROM "s0" AS "s" JOIN "s1" AS "h" ON "h"."id" = "s"."huge_id" ORDER BY "h"."v"

-- name: DISTINCT keeps all that it compares
SELECT count(*) FROM (SELECT DISTINCT n, t FROM c.exact) q;
--> s0 exact(n, t)
--> note s0: 2 of 6 columns
--> SELECT COUNT(*) AS "_col_0" FROM (SELECT DISTINCT "exact"."n" AS "n", "exact"."t" AS "t" FROM "s0" AS "exact") AS "q"

-- name: UNION keeps all that it compares, UNION ALL does not
SELECT id FROM (SELECT id, t FROM c.exact UNION SELECT id, t FROM c.rough) q UNION ALL SELECT id FROM both;
--> s0 exact(id)
--> s1 rough(id)
--> s2 exact(id, t)
--> s3 rough(id, t)
--> note s0: 1 of 6 columns
--> note s1: 1 of 3 columns
--> note s2: 2 of 6 columns
--> note s3: 2 of 3 columns
--> SELECT "q"."id" AS "id" FROM (SELECT "exact"."id" AS "id", "exact"."t" AS "t" FROM "s2" AS "exact" UNION SELECT "rough"."id" AS "id", "rough"."t" AS "t" FROM "s3" AS "rough") AS "q" UNION ALL SELECT "both"."id" AS "id" FROM (SELECT "exact"."id" AS "id" FROM "s0" AS "exact" UNION ALL SELECT "rough"."id" AS "id" FROM "s1" AS "rough") AS "both"

-- name: a semi join's right side keeps its columns
SELECT s.id FROM c.small s SEMI JOIN c.huge h ON h.id = s.huge_id AND h.t = s.t;
--> s0 small(id, huge_id, t)
--> s1 huge(id, t)
--> note s0: 3 of 3 columns
--> note s1: 2 of 4 columns
--> SELECT "s"."id" AS "id" FROM "s0" AS "s" SEMI JOIN "s1" AS "h" ON "h"."id" = "s"."huge_id" AND "h"."t" = "s"."t"

-- name: a correlated subquery's columns
SELECT (SELECT max(h.v) FROM c.huge h WHERE h.small_id = s.id) AS m FROM c.small s;
--> s0 small(id)
--> s1 huge(small_id, v)
--> note s0: 1 of 3 columns
--> note s1: 2 of 4 columns
--> SELECT (SELECT MAX("h"."v") AS "_col_0" FROM "s1" AS "h" WHERE "h"."small_id" = "s"."id") AS "m" FROM "s0" AS "s"

-- name: PIVOT keeps all
SELECT a FROM c.exact PIVOT (count(*) FOR t IN ('a', 'b'));
--> s0 exact(id, n, t, d, ok, x)
--> note s0: 6 of 6 columns
--> SELECT "_0"."a" AS "a" FROM "s0" AS "exact" PIVOT(COUNT(*) FOR "t" IN ('a', 'b')) AS "_0"

-- name: windows and QUALIFY
SELECT id FROM c.exact QUALIFY row_number() OVER (PARTITION BY n ORDER BY d) = 1;
--> s0 exact(id, n, d)
--> note s0: 3 of 6 columns
--> SELECT "exact"."id" AS "id" FROM "s0" AS "exact" QUALIFY ROW_NUMBER() OVER (PARTITION BY "exact"."n" ORDER BY "exact"."d") = 1

-- name: USING
SELECT t FROM (SELECT e.t FROM c.exact e JOIN c.small s USING (id)) q;
--> s0 exact(id, t)
--> s1 small(id)
--> note s0: 2 of 6 columns
--> note s1: 1 of 3 columns
--> SELECT "q"."t" AS "t" FROM (SELECT "e"."t" AS "t" FROM "s0" AS "e" JOIN "s1" AS "s" ON "e"."id" = "s"."id") AS "q"

-- name: EXISTS needs no column of its own
SELECT id FROM c.exact e WHERE EXISTS (SELECT * FROM c.huge h WHERE h.small_id = e.n);
--> s0 exact(id, n)
--> s1 huge(small_id)
--> note s0: 2 of 6 columns
--> note s1: 1 of 4 columns
--> SELECT "e"."id" AS "id" FROM "s0" AS "e" WHERE EXISTS(SELECT 1 AS "one" FROM "s1" AS "h" WHERE "h"."small_id" = "e"."n")

-- name: EXISTS over an aggregate is always true
SELECT id FROM c.exact e WHERE EXISTS (SELECT count(h.v) FROM c.huge h WHERE h.small_id = e.n);
--> s0 exact(id, n)
--> s1 huge(small_id, v)
--> note s0: 2 of 6 columns
--> note s1: 2 of 4 columns
--> SELECT "e"."id" AS "id" FROM "s0" AS "e" WHERE EXISTS(SELECT COUNT("h"."v") AS "_col_0" FROM "s1" AS "h" WHERE "h"."small_id" = "e"."n")

-- name: EXISTS asks for rows, whatever they hold
SELECT id FROM c.small s WHERE EXISTS (SELECT * FROM c.huge h WHERE h.small_id = s.id);
--> s0 small(id)
--> s1 huge(small_id)
--> note s0: 1 of 3 columns
--> note s1: 1 of 4 columns
--> SELECT "s"."id" AS "id" FROM "s0" AS "s" WHERE EXISTS(SELECT 1 AS "one" FROM "s1" AS "h" WHERE "h"."small_id" = "s"."id")

-- name: EXISTS over an aggregate is about its one row
SELECT id FROM c.small s WHERE EXISTS (SELECT max(v) FROM c.huge h WHERE h.small_id = s.id);
--> s0 small(id)
--> s1 huge(small_id, v)
--> note s0: 1 of 3 columns
--> note s1: 2 of 4 columns
--> SELECT "s"."id" AS "id" FROM "s0" AS "s" WHERE EXISTS(SELECT MAX("h"."v") AS "_col_0" FROM "s1" AS "h" WHERE "h"."small_id" = "s"."id")
