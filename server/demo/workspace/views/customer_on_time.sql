CREATE VIEW customer_on_time AS
WITH shipped AS (
    SELECT
        o.customer_id,
        l.quantity * l.unit_price AS amount,
        date_diff('day', l.promised_date, CAST(l.shipped_at AT TIME ZONE 'Europe/Berlin' AS DATE)) AS days_late
    FROM erp.order_lines AS l
    JOIN erp.orders AS o ON o.order_id = l.order_id
    WHERE l.shipped_at IS NOT NULL
)
SELECT
    c.customer_id,
    c.name AS customer,
    c.country,
    c.segment,
    c.key_account,
    count(*) AS shipped_lines,
    count(*) FILTER (WHERE s.days_late <= 0) AS on_time_lines,
    round(100.0 * count(*) FILTER (WHERE s.days_late <= 0) / count(*), 1) AS on_time_percent,
    round(avg(CASE WHEN s.days_late > 0 THEN s.days_late END), 1) AS mean_days_late,
    max(s.days_late) AS worst_days_late,
    CAST(sum(s.amount) AS DECIMAL(14, 2)) AS shipped_amount
FROM erp.customers AS c
JOIN shipped AS s ON s.customer_id = c.customer_id
GROUP BY c.customer_id, c.name, c.country, c.segment, c.key_account;

COMMENT ON VIEW customer_on_time IS 'Delivery performance per customer over all shipped order lines, against the promised date.';
COMMENT ON COLUMN customer_on_time.customer_id IS 'Customer number.';
COMMENT ON COLUMN customer_on_time.customer IS 'Name of the customer.';
COMMENT ON COLUMN customer_on_time.country IS 'Country of the customer.';
COMMENT ON COLUMN customer_on_time.segment IS 'Industry of the customer.';
COMMENT ON COLUMN customer_on_time.key_account IS 'True for customers with a key account manager.';
COMMENT ON COLUMN customer_on_time.shipped_lines IS 'Order lines shipped.';
COMMENT ON COLUMN customer_on_time.on_time_lines IS 'Of these, shipped on the promised day or before.';
COMMENT ON COLUMN customer_on_time.on_time_percent IS 'Share of lines on time, percent.';
COMMENT ON COLUMN customer_on_time.mean_days_late IS 'Mean delay of the late lines in days; null when none was late.';
COMMENT ON COLUMN customer_on_time.worst_days_late IS 'Longest delay in days; negative when all lines were early.';
COMMENT ON COLUMN customer_on_time.shipped_amount IS 'Net value shipped in EUR.';
