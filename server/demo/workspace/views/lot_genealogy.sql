CREATE VIEW lot_genealogy AS
WITH links AS (
    SELECT u.lot_id, u.component_lot_id, 1 AS depth, u.component_lot_id AS via_lot_id, u.quantity
    FROM erp.lot_components AS u
    UNION ALL
    -- Bills of material are two levels deep here: pump, housing, casting.
    SELECT a.lot_id, b.component_lot_id, 2 AS depth, a.component_lot_id AS via_lot_id, b.quantity
    FROM erp.lot_components AS a
    JOIN erp.lot_components AS b ON b.lot_id = a.component_lot_id
)
SELECT
    k.lot_id,
    f.lot_no,
    f.product_code,
    f.produced_at,
    f.work_order_no,
    k.depth,
    k.via_lot_id,
    k.component_lot_id,
    c.lot_no AS component_lot_no,
    c.product_code AS component_code,
    c.status AS component_status,
    c.supplier,
    c.supplier_lot,
    c.note,
    k.quantity
FROM links AS k
JOIN erp.lots AS f ON f.lot_id = k.lot_id
JOIN erp.lots AS c ON c.lot_id = k.component_lot_id
WHERE f.work_order_no IS NOT NULL;

COMMENT ON VIEW lot_genealogy IS 'What went into each finished lot, down to the purchased batches: filter on component_status to find what a blocked batch reached.';
COMMENT ON COLUMN lot_genealogy.lot_id IS 'Finished lot.';
COMMENT ON COLUMN lot_genealogy.lot_no IS 'Number of the finished lot.';
COMMENT ON COLUMN lot_genealogy.product_code IS 'Product of the finished lot.';
COMMENT ON COLUMN lot_genealogy.produced_at IS 'When the lot was finished; null while it is in production.';
COMMENT ON COLUMN lot_genealogy.work_order_no IS 'Work order that made the lot.';
COMMENT ON COLUMN lot_genealogy.depth IS '1 for a part of the product, 2 for a part of a part.';
COMMENT ON COLUMN lot_genealogy.via_lot_id IS 'Lot of the direct part through which the component came in.';
COMMENT ON COLUMN lot_genealogy.component_lot_id IS 'Lot of the component.';
COMMENT ON COLUMN lot_genealogy.component_lot_no IS 'Number of the component lot.';
COMMENT ON COLUMN lot_genealogy.component_code IS 'Product code of the component.';
COMMENT ON COLUMN lot_genealogy.component_status IS 'released or blocked.';
COMMENT ON COLUMN lot_genealogy.supplier IS 'Who delivered it; null when made here.';
COMMENT ON COLUMN lot_genealogy.supplier_lot IS 'The lot number of the supplier.';
COMMENT ON COLUMN lot_genealogy.note IS 'Remark of quality management.';
COMMENT ON COLUMN lot_genealogy.quantity IS 'Quantity that went into the next level, in the unit of the component.';
