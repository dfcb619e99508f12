-- name: comparisons with constants go to the source
SELECT id FROM c.exact WHERE n > 3 AND 5 >= n AND t = 'a' AND d = '2024-01-01';
--> s0 exact(id, n, t, d, ok, x) where n gt 3 and n le 5 and t eq a and d eq 2024-01-01
--> note s0: pushed n gt ?
--> note s0: pushed n le ?
--> note s0: pushed t eq ?
--> note s0: pushed d eq ?

-- name: a flipped comparison is turned round
SELECT id FROM c.exact WHERE 3 < n;
--> s0 exact(id, n, t, d, ok, x) where n gt 3
--> note s0: pushed n gt ?

-- name: in, between, is null, not
SELECT id FROM c.exact WHERE n IN (1, 2) AND id BETWEEN 1 AND 9 AND t IS NULL AND NOT (n = 1 OR ok);
--> s0 exact(id, n, t, d, ok, x) where n in 1, 2 and (id ge 1 and id le 9) and t is_null and (n ne 1 and ok eq False)
--> note s0: pushed n in (2 values)
--> note s0: pushed (id ge ? and id le ?)
--> note s0: pushed t is_null
--> note s0: pushed (n ne ? and ok eq ?)

-- name: not like is not like
SELECT id FROM c.exact WHERE t NOT LIKE 'a%' AND t LIKE '%b';
--> s0 exact(id, n, t, d, ok, x) where t ends_with b
--> note s0: pushed t ends_with ?
--> note s0: kept here: "exact"."t" NOT LIKE ?

-- name: like with a wildcard inside stays here
SELECT id FROM c.exact WHERE t LIKE 'a%b';
--> s0 exact(id, n, t, d, ok, x)
--> note s0: kept here: "exact"."t" LIKE ?

-- name: a number that is none of the column's stays here
SELECT id FROM c.exact WHERE n = 2.5;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: kept here: "exact"."n" = ?

-- name: a whole decimal is an integer
SELECT id FROM c.exact WHERE n = 2.0;
--> s0 exact(id, n, t, d, ok, x) where n eq 2
--> note s0: pushed n eq ?

-- name: an OR needs every arm
SELECT id FROM c.exact WHERE n = 1 OR length(t) = 2;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: kept here: "exact"."n" = ? OR LENGTH("exact"."t") = ?

-- name: an AND in an OR may lose a term
SELECT id FROM c.exact WHERE (n = 1 AND length(t) = 2) OR n = 3;
--> s0 exact(id, n, t, d, ok, x) where (n eq 1 or n eq 3)
--> note s0: pushed (n eq ? or n eq ?)

-- name: a source that can do nothing gets nothing
SELECT id FROM c.bare WHERE n = 1;
--> s0 bare(id, n, t)
--> note s0: kept here: "bare"."n" = ?

-- name: through the names of a view
SELECT key FROM renamed WHERE number = 4 AND text = 'x';
--> s0 exact(id, n, t, d, ok, x) where n eq 4 and t eq x
--> note s0: pushed n eq ?
--> note s0: pushed t eq ?

-- name: the null-supplied side takes what rejects NULL
SELECT id FROM outer_view WHERE v > 1 AND t = 'a';
--> s0 small(id, huge_id, t) where t eq a
--> s1 huge(id, small_id, t, v) where v gt 0x1.0000000000000p+0
--> note s0: pushed t eq ?
--> note s1: pushed v gt ?

-- name: is null stays above an outer join
SELECT id FROM outer_view WHERE other IS NULL;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)
--> note s1: kept here: "h"."t" IS NULL

-- name: is null stays above an outer join in a derived table over WITH
WITH e AS (SELECT id, t FROM c.exact) SELECT * FROM (SELECT s.id FROM c.small s LEFT JOIN e ON e.id = s.id WHERE e.t IS NULL) q;
--> s0 small(id, huge_id, t)
--> s1 exact(id, n, t, d, ok, x)
--> note s1: kept here: "exact"."t" IS NULL

-- name: terms of an outer ON go to the null-supplied side only
SELECT s.id FROM c.small s LEFT JOIN c.huge h ON h.id = s.huge_id AND h.t = 'a' AND s.t = 'b';
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) where t eq a
--> note s1: pushed t eq ?

-- name: terms of a right join's ON go to the left side
SELECT s.id FROM c.small s RIGHT JOIN c.huge h ON h.id = s.huge_id AND h.t = 'a' AND s.t = 'b';
--> s0 small(id, huge_id, t) where t eq b
--> s1 huge(id, small_id, t, v)
--> note s0: pushed t eq ?

-- name: a full join takes none of its ON
SELECT s.id FROM c.small s FULL JOIN c.huge h ON h.id = s.huge_id AND h.t = 'a';
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: semi and anti joins: their right side
SELECT s.id FROM c.small s SEMI JOIN c.huge h ON h.id = s.huge_id AND h.t = 'a' ANTI JOIN c.exact e ON e.id = s.id AND e.n = 1;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) where t eq a
--> s2 exact(id, n, t, d, ok, x) where n eq 1
--> note s1: pushed t eq ?
--> note s2: pushed n eq ?

-- name: past GROUP BY on its keys only
SELECT small_id FROM grouped WHERE small_id = 3 AND n > 5;
--> s0 huge(id, small_id, t, v) where small_id eq 3
--> note s0: pushed small_id eq ?

-- name: not past LIMIT
SELECT id FROM first_ten WHERE n = 1;
--> s0 exact(id, n, t, d, ok, x)

-- name: not past a window
SELECT id FROM (SELECT id, n, row_number() OVER (ORDER BY id) AS r FROM c.exact) w WHERE n = 1;
--> s0 exact(id, n, t, d, ok, x)

-- name: not past DISTINCT ON
SELECT id FROM (SELECT DISTINCT ON (n) id, n FROM c.exact ORDER BY n, id) w WHERE id = 1;
--> s0 exact(id, n, t, d, ok, x)

-- name: into both arms of a union
SELECT id FROM both WHERE t = 'a';
--> s0 exact(id, n, t, d, ok, x) where t eq a
--> s1 rough(id, n, t) where t eq a
--> note s0: pushed t eq ?
--> note s1: pushed t eq ?

-- name: not into a union that converts
SELECT id FROM mixed WHERE id = '5';
--> s0 exact(id, n, t, d, ok, x)
--> s1 rough(id, n, t)

-- name: not into a WITH that is read twice
WITH e AS (SELECT id, n FROM c.exact) SELECT a.id FROM e a JOIN e b ON a.id = b.id WHERE a.n = 1;
--> s0 exact(id, n, t, d, ok, x)

-- name: not into a WITH that a semi join reads too
WITH e AS (SELECT id, n FROM c.exact) SELECT a.id FROM e a SEMI JOIN e b ON a.id = b.id WHERE a.n = 1;
--> s0 exact(id, n, t, d, ok, x)

-- name: not into a recursive WITH
WITH RECURSIVE r AS (SELECT id, n FROM c.exact UNION ALL SELECT r.id + 1, r.n FROM r WHERE r.n = 1 AND r.id < 9) SELECT * FROM r WHERE n = 2;
--> s0 exact(id, n, t, d, ok, x)

-- name: not under PIVOT
SELECT * FROM c.exact PIVOT (count(*) FOR t IN ('a', 'b')) WHERE n = 1;
--> s0 exact(id, n, t, d, ok, x)

-- name: not past POSITIONAL JOIN
SELECT e.id FROM c.exact e POSITIONAL JOIN c.small s WHERE e.n = 1;
--> s0 exact(id, n, t, d, ok, x)
--> s1 small(id, huge_id, t)

-- name: what holds of a column holds of those that are equal to it
SELECT h.v FROM c.small s JOIN c.huge h ON h.id = s.huge_id JOIN c.exact e ON e.id = h.id WHERE s.huge_id IN (1, 2) AND h.t > 'a';
--> s0 small(id, huge_id, t) where huge_id in 1, 2
--> s1 huge(id, small_id, t, v) where t gt a and id in 1, 2
--> s2 exact(id, n, t, d, ok, x) where id in 1, 2
--> note s0: pushed huge_id in (2 values)
--> note s1: pushed t gt ?
--> note s1: pushed id in (2 values)
--> note s2: pushed id in (2 values)

-- name: under a range and a parameter's place too, through a view
SELECT o.v FROM outer_view o JOIN c.exact e ON e.id = o.id WHERE e.id BETWEEN 3 AND 9;
--> s0 small(id, huge_id, t) where (id ge 3 and id le 9)
--> s1 huge(id, small_id, t, v)
--> s2 exact(id, n, t, d, ok, x) where (id ge 3 and id le 9)
--> note s0: pushed (id ge ? and id le ?)
--> note s2: pushed (id ge ? and id le ?)

-- name: of the probed side of a left join
SELECT h.v FROM c.small s LEFT JOIN c.huge h ON h.id = s.huge_id WHERE s.huge_id = 7;
--> s0 small(id, huge_id, t) where huge_id eq 7
--> s1 huge(id, small_id, t, v) where id eq 7
--> note s0: pushed huge_id eq ?
--> note s1: pushed id eq ?

-- name: not of its preserved side
SELECT h.v FROM c.small s LEFT JOIN c.huge h ON h.id = s.huge_id AND h.id = 7;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) where id eq 7
--> note s1: pushed id eq ?

-- name: of both sides of a semi join, of the probed side of an anti join
SELECT s.id FROM c.small s SEMI JOIN c.huge h ON h.id = s.huge_id ANTI JOIN c.exact e ON e.id = s.huge_id WHERE s.huge_id = 7;
--> s0 small(id, huge_id, t) where huge_id eq 7
--> s1 huge(id, small_id, t, v) where id eq 7
--> s2 exact(id, n, t, d, ok, x) where id eq 7
--> note s0: pushed huge_id eq ?
--> note s1: pushed id eq ?
--> note s2: pushed id eq ?

-- name: not beside a full join, unless WHERE says it
SELECT s.id FROM c.small s JOIN c.exact e ON e.id = s.id AND e.id = 7 FULL JOIN c.huge h ON h.id = s.id;
--> s0 small(id, huge_id, t)
--> s1 exact(id, n, t, d, ok, x) where id eq 7
--> s2 huge(id, small_id, t, v)
--> note s1: pushed id eq ?

-- name: WHERE says it
SELECT s.id FROM c.small s FULL JOIN c.huge h ON h.t = s.t WHERE h.id = s.id AND s.id = 7;
--> s0 small(id, huge_id, t) where id eq 7
--> s1 huge(id, small_id, t, v) where id eq 7
--> note s0: pushed id eq ?
--> note s1: pushed id eq ?

-- name: not of another family
SELECT s.id FROM c.small s JOIN c.huge h ON h.id = s.t WHERE s.t = '05';
--> s0 small(id, huge_id, t) where t eq 05
--> s1 huge(id, small_id, t, v)
--> note s0: pushed t eq ?

-- name: not of floats
SELECT e.id FROM c.exact e JOIN c.huge h ON h.v = e.x WHERE e.x = 0.5;
--> s0 exact(id, n, t, d, ok, x) where x eq 0x1.0000000000000p-1
--> s1 huge(id, small_id, t, v)
--> note s0: pushed x eq ?

-- name: IS NULL says nothing
SELECT s.id FROM c.small s LEFT JOIN c.huge h ON h.id = s.huge_id WHERE s.huge_id IS NULL;
--> s0 small(id, huge_id, t) where huge_id is_null
--> s1 huge(id, small_id, t, v)
--> note s0: pushed huge_id is_null
