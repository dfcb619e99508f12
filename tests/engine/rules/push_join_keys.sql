-- name: an inner join
SELECT s.id, h.v FROM c.small s JOIN c.huge h ON h.id = s.huge_id;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) id in keys of s0.huge_id
--> note s1: keys of s0.huge_id on id

-- name: a left join's right side
SELECT s.id, h.v FROM c.small s LEFT JOIN c.huge h ON h.id = s.huge_id;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) id in keys of s0.huge_id
--> note s1: keys of s0.huge_id on id

-- name: not a left join's left side
SELECT s.id, h.v FROM c.huge h LEFT JOIN c.small s ON h.id = s.huge_id;
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)

-- name: a left join that WHERE makes an inner one
SELECT s.id, h.v FROM c.huge h LEFT JOIN c.small s ON h.id = s.huge_id WHERE s.t = 'a';
--> s0 huge(id, small_id, t, v) id in keys of s1.huge_id
--> s1 small(id, huge_id, t) where t eq a
--> note s0: keys of s1.huge_id on id

-- name: not a full join
SELECT s.id, h.v FROM c.small s FULL JOIN c.huge h ON h.id = s.huge_id;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: a semi join
SELECT h.id FROM c.huge h SEMI JOIN c.small s ON s.huge_id = h.id;
--> s0 huge(id, small_id, t, v) id in keys of s1.huge_id
--> s1 small(id, huge_id, t)
--> note s0: keys of s1.huge_id on id

-- name: an anti join's right side only
SELECT s.id FROM c.small s ANTI JOIN c.huge h ON s.huge_id = h.id;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) id in keys of s0.huge_id
--> note s1: keys of s0.huge_id on id

-- name: not an anti join's left side
SELECT h.id FROM c.huge h ANTI JOIN c.small s ON s.huge_id = h.id;
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)

-- name: in a subquery
SELECT h.id FROM c.huge h WHERE h.id IN (SELECT huge_id FROM c.small);
--> s0 huge(id, small_id, t, v) id in keys of s1.huge_id
--> s1 small(id, huge_id, t)
--> note s0: keys of s1.huge_id on id

-- name: not in a negated subquery
SELECT h.id FROM c.huge h WHERE h.id NOT IN (SELECT huge_id FROM c.small);
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)

-- name: an equality in WHERE
SELECT h.id FROM c.huge h, c.small s WHERE h.id = s.huge_id;
--> s0 huge(id, small_id, t, v) id in keys of s1.huge_id
--> s1 small(id, huge_id, t)
--> note s0: keys of s1.huge_id on id

-- name: below a group by its key
SELECT s.id, g.n FROM c.small s JOIN grouped g ON g.small_id = s.id;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) small_id in keys of s0.id
--> note s1: keys of s0.id on small_id

-- name: not across families
SELECT h.id FROM c.small s JOIN c.huge h ON h.id = s.t;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: not to a source of few rows
SELECT a.id FROM c.small a JOIN c.small b ON a.id = b.huge_id;
--> s0 small(id, huge_id, t)
--> s1 small(id, huge_id, t)

-- name: not in a recursive WITH
WITH RECURSIVE r AS (SELECT id, huge_id FROM c.small UNION ALL SELECT h.id, h.small_id FROM r JOIN c.huge h ON h.id = r.huge_id) SELECT * FROM r;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: chained
SELECT s.id, h.v, e.t FROM c.small s JOIN c.huge h ON h.id = s.huge_id JOIN c.huge e ON e.id = h.small_id WHERE s.id = 1;
--> s0 small(id, huge_id, t) where id eq 1
--> s1 huge(id, small_id, t, v) id in keys of s0.huge_id
--> s2 huge(id, small_id, t, v) id in keys of s1.small_id
--> note s1: keys of s0.huge_id on id
--> note s2: keys of s1.small_id on id

-- name: a correlated scalar subquery takes the outer keys
SELECT s.id, (SELECT max(h.v) FROM c.huge h WHERE h.small_id = s.id) AS m FROM c.small s;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) small_id in keys of s0.id
--> note s1: keys of s0.id on small_id

-- name: so does one that counts, under NOT too
SELECT s.id FROM c.small s WHERE NOT (SELECT count(*) FROM c.huge h WHERE s.id = h.small_id) > 3;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) small_id in keys of s0.id
--> note s1: keys of s0.id on small_id

-- name: and NOT EXISTS
SELECT s.id FROM c.small s WHERE NOT EXISTS (SELECT 1 FROM c.huge h WHERE h.small_id = s.id AND h.v > s.huge_id);
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) small_id in keys of s0.id
--> note s1: keys of s0.id on small_id

-- name: from two levels out
SELECT s.id FROM c.small s WHERE EXISTS (SELECT 1 FROM c.exact e WHERE e.n > 1 AND EXISTS (SELECT 1 FROM c.huge h WHERE h.small_id = s.id AND h.id = e.id));
--> s0 small(id, huge_id, t)
--> s1 exact(id, n, t, d, ok, x) where n gt 1 id in keys of s2.id
--> s2 huge(id, small_id, t, v) small_id in keys of s0.id
--> note s1: keys of s2.id on id
--> note s2: keys of s0.id on small_id

-- name: not by an equality under OR
SELECT s.id FROM c.small s WHERE EXISTS (SELECT 1 FROM c.huge h WHERE h.small_id = s.id OR h.v > 1);
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: a subquery's left join takes them on its right side only
SELECT (SELECT count(*) FROM c.huge g LEFT JOIN c.huge h ON h.small_id = s.id AND g.small_id = s.id) FROM c.small s;
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)
--> s2 huge(id, small_id, t, v) small_id in keys of s0.id
--> note s2: keys of s0.id on small_id

-- name: EXISTS restricts the outer scan
SELECT h.id FROM c.huge h WHERE EXISTS (SELECT 1 FROM c.small s WHERE s.huge_id = h.id);
--> s0 huge(id, small_id, t, v) id in keys of s1.huge_id
--> s1 small(id, huge_id, t)
--> note s0: keys of s1.huge_id on id

-- name: NOT EXISTS does not
SELECT h.id FROM c.huge h WHERE NOT EXISTS (SELECT 1 FROM c.small s WHERE s.huge_id = h.id);
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)

-- name: nor EXISTS in the SELECT list, or under OR
SELECT h.id, EXISTS (SELECT 1 FROM c.small s WHERE s.huge_id = h.id) AS e FROM c.huge h WHERE h.v = 1 OR EXISTS (SELECT 1 FROM c.small s WHERE s.huge_id = h.id);
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)
--> s2 small(id, huge_id, t)

-- name: nor EXISTS over an aggregate of all rows
SELECT h.id FROM c.huge h WHERE EXISTS (SELECT count(*) FROM c.small s WHERE s.huge_id = h.id);
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)

-- name: nor EXISTS over groups with a total
SELECT h.id FROM c.huge h WHERE EXISTS (SELECT s.t FROM c.small s WHERE s.huge_id = h.id GROUP BY ROLLUP (s.t));
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)

-- name: an alias inside hides the one outside
SELECT h.id FROM c.huge h WHERE EXISTS (SELECT 1 FROM c.small s, c.exact h WHERE s.huge_id = h.id);
--> s0 huge(id, small_id, t, v)
--> s1 small(id, huge_id, t)
--> s2 exact(id, n, t, d, ok, x) id in keys of s1.huge_id
--> note s2: keys of s1.huge_id on id

-- name: a subquery of IN takes the outer keys
SELECT s.id FROM c.small s WHERE s.huge_id IN (SELECT h.id FROM c.huge h WHERE h.v > 0);
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) where v gt 0x0.0p+0 id in keys of s0.huge_id
--> note s1: keys of s0.huge_id on id

-- name: by its group too
SELECT s.id FROM c.small s WHERE s.id IN (SELECT h.small_id FROM c.huge h GROUP BY h.small_id HAVING count(*) > 3);
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v) small_id in keys of s0.id
--> note s1: keys of s0.id on small_id

-- name: not past its limit
SELECT s.id FROM c.small s WHERE s.id IN (SELECT h.small_id FROM c.huge h ORDER BY h.v LIMIT 5);
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: NOT IN takes none: without a NULL among its values it would let others through
SELECT s.id FROM c.small s WHERE s.id NOT IN (SELECT h.small_id FROM c.huge h);
--> s0 small(id, huge_id, t)
--> s1 huge(id, small_id, t, v)

-- name: the one value of a scalar subquery is a key
SELECT h.id FROM c.huge h WHERE h.id = (SELECT s.huge_id FROM c.small s WHERE s.id = 1);
--> s0 huge(id, small_id, t, v) id in keys of s1.huge_id
--> s1 small(id, huge_id, t) where id eq 1
--> note s0: keys of s1.huge_id on id

-- name: through a chain of equalities
SELECT h.v FROM c.small s JOIN c.exact e ON e.id = s.huge_id JOIN c.huge h ON h.id = e.id;
--> s0 small(id, huge_id, t)
--> s1 exact(id, n, t, d, ok, x) id in keys of s0.huge_id
--> s2 huge(id, small_id, t, v) id in keys of s0.huge_id
--> note s1: keys of s0.huge_id on id
--> note s2: keys of s0.huge_id on id

-- name: not through a value of another family
SELECT h.v FROM c.small s, c.exact e, c.huge h WHERE h.t = e.n AND s.t = e.n;
--> s0 small(id, huge_id, t)
--> s1 exact(id, n, t, d, ok, x)
--> s2 huge(id, small_id, t, v)

-- name: not through an outer join
SELECT h.v FROM c.huge h JOIN c.exact e ON e.id = h.id LEFT JOIN c.small s ON s.huge_id = e.id;
--> s0 huge(id, small_id, t, v) id in keys of s1.id
--> s1 exact(id, n, t, d, ok, x)
--> s2 small(id, huge_id, t)
--> note s0: keys of s1.id on id

-- name: a small scan waits for a filtered one, that its own keys be fewer
SELECT h.v FROM c.small s JOIN c.small n ON n.id = s.huge_id JOIN c.huge h ON h.small_id = n.huge_id WHERE s.id = 1;
--> s0 small(id, huge_id, t) where id eq 1
--> s1 small(id, huge_id, t) id in keys of s0.huge_id
--> s2 huge(id, small_id, t, v) small_id in keys of s1.huge_id
--> note s1: keys of s0.huge_id on id
--> note s2: keys of s1.huge_id on small_id

-- name: but not when nothing large waits for it
SELECT n.t FROM c.small s JOIN c.small n ON n.id = s.huge_id WHERE s.id = 1;
--> s0 small(id, huge_id, t) where id eq 1
--> s1 small(id, huge_id, t)

-- name: two columns, one of few values: pairs
SELECT h.v FROM c.orders o JOIN c.stock h ON h.plant = o.plant AND h.material = o.material;
--> s0 orders(id, plant, material)
--> s1 stock(plant, material, v) (plant, material) in pairs of s0
--> note s1: pairs of s0.plant, s0.material on plant, material

-- name: pairs on the null-supplied side of a left join
SELECT o.id, h.v FROM c.orders o LEFT JOIN c.stock h ON h.plant = o.plant AND h.material = o.material;
--> s0 orders(id, plant, material)
--> s1 stock(plant, material, v) (plant, material) in pairs of s0
--> note s1: pairs of s0.plant, s0.material on plant, material

-- name: no pairs of two terms that need not be true together
SELECT o.id, h.v FROM c.orders o LEFT JOIN c.stock h ON h.material = o.material WHERE h.plant = o.plant OR o.plant IS NULL;
--> s0 orders(id, plant, material)
--> s1 stock(plant, material, v) material in keys of s0.material
--> note s1: keys of s0.material on material

-- name: pairs through a view's grouping
SELECT o.id, g.n FROM c.orders o JOIN (SELECT plant, material, count(*) AS n FROM c.stock GROUP BY plant, material) g ON g.plant = o.plant AND g.material = o.material;
--> s0 orders(id, plant, material)
--> s1 stock(plant, material, v) (plant, material) in pairs of s0
--> note s1: pairs of s0.plant, s0.material on plant, material

-- name: pairs of a subquery's columns
SELECT o.id, (SELECT max(h.v) FROM c.stock h WHERE h.plant = o.plant AND h.material = o.material) AS m FROM c.orders o;
--> s0 orders(id, plant, material)
--> s1 stock(plant, material, v) (plant, material) in pairs of s0
--> note s1: pairs of s0.plant, s0.material on plant, material

-- name: no pairs out of two rows of a CTE
WITH x AS (SELECT plant, material FROM c.orders) SELECT h.v FROM c.stock h JOIN x a ON a.plant = h.plant JOIN x b ON b.material = h.material;
--> s0 stock(plant, material, v) material in keys of s1.material
--> s1 orders(id, plant, material)
--> note s0: keys of s1.material on material

-- name: no pairs out of two rows of a view over a CTE
WITH x AS (SELECT id, plant, material FROM c.orders) SELECT h.v FROM c.stock h JOIN (SELECT a.plant, b.material FROM x a JOIN x b ON a.id = b.id + 1) y ON y.plant = h.plant AND y.material = h.material;
--> s0 stock(plant, material, v) material in keys of s1.material
--> s1 orders(id, plant, material)
--> note s0: keys of s1.material on material

-- name: no pairs where no index finds them
SELECT h.v FROM c.orders o JOIN c.heap h ON h.plant = o.plant AND h.material = o.material;
--> s0 orders(id, plant, material)
--> s1 heap(plant, material, v) material in keys of s0.material
--> note s1: keys of s0.material on material

-- name: pairs behind a column of the key that is fixed
SELECT h.v FROM c.orders o JOIN c.clients h ON h.plant = o.plant AND h.material = o.material WHERE h.client = 7;
--> s0 orders(id, plant, material)
--> s1 clients(client, plant, material, v) where client eq 7 (plant, material) in pairs of s0
--> note s1: pairs of s0.plant, s0.material on plant, material
