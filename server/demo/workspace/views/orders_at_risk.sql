CREATE VIEW orders_at_risk AS
WITH stopped AS (
    SELECT m.machine, m.reason, m.started_at, m.expected_end
    FROM mes.machine_states AS m
    WHERE m.status = 'down' AND m.ended_at IS NULL
),
vibration AS (
    SELECT r.machine, max(r.value) AS max_vibration_24h
    FROM historian.readings AS r
    CROSS JOIN erp.plant_clock AS p
    WHERE r.tag = 'vibration' AND r.quality = 192 AND r.ts >= p.plant_now - INTERVAL 24 HOUR
    GROUP BY r.machine
),
rejected AS (
    -- The lab writes n.i.O. (nicht in Ordnung) for a sample out of its limits.
    SELECT machine, count(DISTINCT sample_no) AS rejected_samples
    FROM lab.measurements
    WHERE verdict = 'n.i.O.'
    GROUP BY machine
)
SELECT
    l.order_line_id,
    o.order_no,
    l.position,
    c.name AS customer,
    l.product_code,
    l.quantity,
    CAST(l.quantity * l.unit_price AS DECIMAL(14, 2)) AS amount,
    l.promised_date,
    w.work_order_no,
    s.machine,
    s.reason AS stop_reason,
    s.started_at AS stopped_at,
    s.expected_end,
    v.max_vibration_24h,
    coalesce(j.rejected_samples, 0) AS rejected_samples,
    l.promised_date < p.plant_today AS late
FROM stopped AS s
JOIN mes.work_orders AS w ON w.machine = s.machine
JOIN erp.lots AS t ON t.work_order_no = w.work_order_no
JOIN erp.order_lines AS l ON l.lot_id = t.lot_id
JOIN erp.orders AS o ON o.order_id = l.order_id
JOIN erp.customers AS c ON c.customer_id = o.customer_id
CROSS JOIN erp.plant_clock AS p
LEFT JOIN vibration AS v ON v.machine = s.machine
LEFT JOIN rejected AS j ON j.machine = s.machine
WHERE
    w.status IN ('on_hold', 'released')
    AND l.shipped_at IS NULL
    -- A day is needed to pack and ship after the machine is back.
    AND date_diff('day', CAST(s.expected_end AT TIME ZONE 'Europe/Berlin' AS DATE), l.promised_date) < 1;

COMMENT ON VIEW orders_at_risk IS 'Open order lines whose work order waits for a machine that is down and is expected back too late for the promised date; with the vibration and the rejected samples of that machine.';
COMMENT ON COLUMN orders_at_risk.order_line_id IS 'Key of the order line in the ERP.';
COMMENT ON COLUMN orders_at_risk.order_no IS 'Order number.';
COMMENT ON COLUMN orders_at_risk.position IS 'Position in the order.';
COMMENT ON COLUMN orders_at_risk.customer IS 'Name of the customer.';
COMMENT ON COLUMN orders_at_risk.product_code IS 'Product to deliver.';
COMMENT ON COLUMN orders_at_risk.quantity IS 'Pieces to deliver.';
COMMENT ON COLUMN orders_at_risk.amount IS 'Net value of the line in EUR.';
COMMENT ON COLUMN orders_at_risk.promised_date IS 'Date that was promised to the customer.';
COMMENT ON COLUMN orders_at_risk.work_order_no IS 'Work order that makes the pieces.';
COMMENT ON COLUMN orders_at_risk.machine IS 'The machine that is down.';
COMMENT ON COLUMN orders_at_risk.stop_reason IS 'Why it is down.';
COMMENT ON COLUMN orders_at_risk.stopped_at IS 'Since when it is down.';
COMMENT ON COLUMN orders_at_risk.expected_end IS 'When maintenance expects it to run again.';
COMMENT ON COLUMN orders_at_risk.max_vibration_24h IS 'Highest vibration in the last 24 hours, mm/s.';
COMMENT ON COLUMN orders_at_risk.rejected_samples IS 'Samples from this machine that the lab rejected this month.';
COMMENT ON COLUMN orders_at_risk.late IS 'True when the promised date has passed.';
