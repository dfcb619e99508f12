CREATE VIEW order_backlog AS
SELECT
    o.order_id,
    o.order_no,
    c.name AS customer,
    c.country,
    c.segment,
    o.status,
    o.ordered_at,
    o.requested_date,
    min(l.promised_date) AS promised_date,
    count(*) AS open_lines,
    CAST(sum(l.quantity) AS BIGINT) AS open_quantity,
    CAST(sum(l.quantity * l.unit_price) AS DECIMAL(14, 2)) AS open_amount,
    greatest(date_diff('day', min(l.promised_date), p.plant_today), 0) AS days_late,
    min(l.promised_date) < p.plant_today AS late
FROM erp.orders AS o
JOIN erp.customers AS c ON c.customer_id = o.customer_id
JOIN erp.order_lines AS l ON l.order_id = o.order_id
CROSS JOIN erp.plant_clock AS p
WHERE o.status IN ('open', 'partial') AND l.shipped_at IS NULL
GROUP BY o.order_id, o.order_no, c.name, c.country, c.segment, o.status, o.ordered_at, o.requested_date, p.plant_today;

COMMENT ON VIEW order_backlog IS 'Orders that have not been shipped completely, one row per order, with what is still open and how late it is.';
COMMENT ON COLUMN order_backlog.order_id IS 'Key of the order in the ERP.';
COMMENT ON COLUMN order_backlog.order_no IS 'Order number as printed on papers.';
COMMENT ON COLUMN order_backlog.customer IS 'Name of the customer.';
COMMENT ON COLUMN order_backlog.country IS 'Country of the customer, ISO 3166-1 alpha-2.';
COMMENT ON COLUMN order_backlog.segment IS 'Industry of the customer.';
COMMENT ON COLUMN order_backlog.status IS 'open: nothing shipped yet; partial: some lines shipped.';
COMMENT ON COLUMN order_backlog.ordered_at IS 'When the order was entered.';
COMMENT ON COLUMN order_backlog.requested_date IS 'Date that the customer asked for, if any.';
COMMENT ON COLUMN order_backlog.promised_date IS 'Earliest promised date among the open lines.';
COMMENT ON COLUMN order_backlog.open_lines IS 'Number of lines not shipped.';
COMMENT ON COLUMN order_backlog.open_quantity IS 'Pieces not shipped.';
COMMENT ON COLUMN order_backlog.open_amount IS 'Net value of the open lines in EUR.';
COMMENT ON COLUMN order_backlog.days_late IS 'Calendar days since the promised date, 0 when it has not passed.';
COMMENT ON COLUMN order_backlog.late IS 'True when the promised date of an open line has passed.';
