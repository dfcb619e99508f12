CREATE VIEW blocked_batch_deliveries AS
WITH reached AS (
    -- A batch can come in through two lots of the same part.
    SELECT DISTINCT lot_id, lot_no, component_lot_no, supplier, supplier_lot, note
    FROM lot_genealogy
    WHERE component_status = 'blocked'
)
SELECT
    l.order_line_id,
    o.order_no,
    c.name AS customer,
    c.country,
    l.product_code,
    l.quantity,
    l.shipped_at,
    r.lot_no,
    r.component_lot_no,
    r.supplier,
    r.supplier_lot,
    r.note
FROM reached AS r
JOIN erp.order_lines AS l ON l.lot_id = r.lot_id
JOIN erp.orders AS o ON o.order_id = l.order_id
JOIN erp.customers AS c ON c.customer_id = o.customer_id;

COMMENT ON VIEW blocked_batch_deliveries IS 'Order lines served from lots that hold a blocked batch: whom to call, and what has left the house.';
COMMENT ON COLUMN blocked_batch_deliveries.order_line_id IS 'Key of the order line in the ERP.';
COMMENT ON COLUMN blocked_batch_deliveries.order_no IS 'Order number.';
COMMENT ON COLUMN blocked_batch_deliveries.customer IS 'Name of the customer.';
COMMENT ON COLUMN blocked_batch_deliveries.country IS 'Country of the customer.';
COMMENT ON COLUMN blocked_batch_deliveries.product_code IS 'Product delivered or to deliver.';
COMMENT ON COLUMN blocked_batch_deliveries.quantity IS 'Pieces of the line.';
COMMENT ON COLUMN blocked_batch_deliveries.shipped_at IS 'When it was shipped; null when it is still here.';
COMMENT ON COLUMN blocked_batch_deliveries.lot_no IS 'Finished lot.';
COMMENT ON COLUMN blocked_batch_deliveries.component_lot_no IS 'The blocked batch.';
COMMENT ON COLUMN blocked_batch_deliveries.supplier IS 'Supplier of the batch.';
COMMENT ON COLUMN blocked_batch_deliveries.supplier_lot IS 'The lot number of the supplier.';
COMMENT ON COLUMN blocked_batch_deliveries.note IS 'Why it is blocked.';
