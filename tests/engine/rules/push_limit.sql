-- name: limit alone
SELECT id FROM c.exact LIMIT 5;
--> s0 exact(id, n, t, d, ok, x) limit 5
--> note s0: pushed limit 5

-- name: limit and offset are added
SELECT id FROM c.exact LIMIT 5 OFFSET 10;
--> s0 exact(id, n, t, d, ok, x) limit 15
--> note s0: pushed limit 15

-- name: with the order
SELECT id FROM c.exact ORDER BY n DESC, t NULLS FIRST LIMIT 5;
--> s0 exact(id, n, t, d, ok, x) order by n desc, t nulls first limit 5
--> note s0: pushed limit 5 in the source's order

-- name: by a column's place and by its alias
SELECT id, n AS number FROM c.exact ORDER BY 2, id LIMIT 5;
--> s0 exact(id, n, t, d, ok, x) order by n, id limit 5
--> note s0: pushed limit 5 in the source's order

-- name: over a filter that the source does exactly
SELECT id FROM c.exact WHERE n = 1 ORDER BY id LIMIT 5;
--> s0 exact(id, n, t, d, ok, x) where n eq 1 order by id limit 5
--> note s0: pushed limit 5 in the source's order

-- name: not over a filter that the source does roughly
SELECT id FROM c.rough WHERE n = 1 LIMIT 5;
--> s0 rough(id, n, t) where n eq 1
--> note s0: a filter is left to DuckDB

-- name: not over a filter that stays here
SELECT id FROM c.exact WHERE length(t) = 1 LIMIT 5;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: a filter is left to DuckDB

-- name: not where the source can't stop
SELECT id FROM c.bare LIMIT 5;
--> s0 bare(id, n, t)
--> note s0: the source can't stop after n rows

-- name: not by an expression
SELECT id FROM c.exact ORDER BY n + 1 LIMIT 5;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: the source does not sort "exact"."n" + ? as DuckDB does

-- name: through a view
SELECT key FROM renamed WHERE number = 3 ORDER BY text LIMIT 2;
--> s0 exact(id, n, t, d, ok, x) where n eq 3 order by t limit 2
--> note s0: pushed limit 2 in the source's order

-- name: not over an aggregate
SELECT count(*) FROM c.exact LIMIT 5;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: an aggregate, a window or a subquery stands above the source

-- name: not over an aggregate that only DuckDB has
SELECT fsum(x) AS a FROM c.exact LIMIT 1;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: an aggregate, a window or a subquery stands above the source

-- name: not over DISTINCT
SELECT DISTINCT n FROM c.exact LIMIT 5;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: a join, a grouping or the like stands above the source

-- name: not over a second limit
SELECT id FROM first_ten LIMIT 5;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: another limit stands below

-- name: not over a join
SELECT s.id FROM c.small s JOIN c.huge h ON h.id = s.huge_id LIMIT 5;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: not over unnest
SELECT unnest([1, 2]) AS u FROM c.exact LIMIT 3;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: an aggregate, a window or a subquery stands above the source

-- name: not under PIVOT
SELECT * FROM c.exact PIVOT (count(*) FOR t IN ('a', 'b')) LIMIT 3;
--> s0 exact(id, n, t, d, ok, x)
--> note s0: not one plain source

-- name: no limit
SELECT id FROM c.exact ORDER BY id;
--> s0 exact(id, n, t, d, ok, x)
