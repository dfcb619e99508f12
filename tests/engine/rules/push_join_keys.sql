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
