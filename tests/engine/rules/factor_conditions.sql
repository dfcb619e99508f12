-- name: an equality in every branch becomes a join condition
SELECT e.id FROM c.exact e, c.huge h WHERE (e.id = h.id AND e.n = 1 AND h.v < 2) OR (e.id = h.id AND e.n = 2);
--> s0 exact(id, n, t, d, ok, x) where (n eq 1 or n eq 2)
--> s1 huge(id, small_id, t, v)
--> SELECT "e"."id" AS "id" FROM "s0" AS "e", "s1" AS "h" WHERE ("e"."id" = "h"."id" AND (("e"."n" = 1 AND "h"."v" < 2) OR "e"."n" = 2))

-- name: a branch of common terms only takes the others in
SELECT id FROM c.exact WHERE n = 1 OR (n = 1 AND t = 'a');
--> s0 exact(id, n, t, d, ok, x) where (n eq 1 or (n eq 1 and t eq a))
--> SELECT "exact"."id" AS "id" FROM "s0" AS "exact" WHERE ("exact"."n" = 1)

-- name: nothing in common stays as it is
SELECT id FROM c.exact WHERE (n = 1 AND t = 'a') OR (n = 2 AND t = 'b');
--> s0 exact(id, n, t, d, ok, x) where ((n eq 1 and t eq a) or (n eq 2 and t eq b))
--> SELECT "exact"."id" AS "id" FROM "s0" AS "exact" WHERE ("exact"."n" = 1 AND "exact"."t" = 'a') OR ("exact"."n" = 2 AND "exact"."t" = 'b')

-- name: one branch without the term keeps it where it is
SELECT id FROM c.exact WHERE (n = 1 AND t = 'a') OR (n = 1 AND t = 'b') OR t = 'c';
--> s0 exact(id, n, t, d, ok, x) where ((n eq 1 and t eq a) or (n eq 1 and t eq b) or t eq c)
--> SELECT "exact"."id" AS "id" FROM "s0" AS "exact" WHERE ("exact"."n" = 1 AND "exact"."t" = 'a') OR ("exact"."n" = 1 AND "exact"."t" = 'b') OR "exact"."t" = 'c'

-- name: an OR inside an OR's branch
SELECT id FROM c.exact WHERE (n = 1 AND ((t = 'a' AND ok) OR (t = 'b' AND ok))) OR (n = 1 AND d IS NULL);
--> s0 exact(id, n, t, d, ok, x) where ((n eq 1 and ((t eq a and ok eq True) or (t eq b and ok eq True))) or (n eq 1 and d is_null))
--> SELECT "exact"."id" AS "id" FROM "s0" AS "exact" WHERE ("exact"."n" = 1 AND (("exact"."ok" AND ("exact"."t" = 'a' OR "exact"."t" = 'b')) OR "exact"."d" IS NULL))

-- name: a subquery stays in its branches
SELECT id FROM c.exact WHERE (n IN (SELECT n FROM c.rough) AND t = 'a') OR (n IN (SELECT n FROM c.rough) AND t = 'b');
--> s0 exact(id, n, t, d, ok, x)
--> s1 rough(id, n, t)
--> s2 rough(id, n, t)
--> SELECT "exact"."id" AS "id" FROM "s0" AS "exact" WHERE ("exact"."n" IN (SELECT "rough"."n" AS "n" FROM "s1" AS "rough") AND "exact"."t" = 'a') OR ("exact"."n" IN (SELECT "rough"."n" AS "n" FROM "s2" AS "rough") AND "exact"."t" = 'b')

-- name: below NOT and in the ON of an outer join
SELECT e.id FROM c.exact e LEFT JOIN c.huge h ON (e.id = h.id AND h.v < 2) OR (e.id = h.id AND h.t = 'x') WHERE NOT ((e.n = 1 AND e.ok) OR (e.n = 1 AND e.t = 'b'));
--> s0 exact(id, n, t, d, ok, x) where ((n ne 1 or ok eq False) and (n ne 1 or t ne b))
--> s1 huge(id, small_id, t, v) where (v lt 0x1.0000000000000p+1 or t eq x)
--> SELECT "e"."id" AS "id" FROM "s0" AS "e" LEFT JOIN "s1" AS "h" ON ("e"."id" = "h"."id" AND ("h"."v" < 2 OR "h"."t" = 'x')) WHERE NOT (("e"."n" = 1 AND ("e"."ok" OR "e"."t" = 'b')))
