CREATE VIEW machine_health AS
WITH current_state AS (
    SELECT machine, line, status, reason, started_at, expected_end, work_order_no
    FROM mes.machine_states
    WHERE ended_at IS NULL
),
vibration AS (
    SELECT
        r.machine,
        -- Only a turning spindle says something about its bearing; standing still reads nearly zero.
        avg(CASE WHEN r.ts >= p.plant_now - INTERVAL 24 HOUR THEN r.value END) AS vibration_24h,
        avg(CASE WHEN r.ts < p.plant_now - INTERVAL 14 DAY THEN r.value END) AS vibration_before
    FROM historian.readings AS r
    CROSS JOIN erp.plant_clock AS p
    WHERE r.tag = 'vibration' AND r.quality = 192 AND r.value > 1.2
    GROUP BY r.machine
),
temperature AS (
    SELECT r.machine, max(r.value) AS max_temperature_24h
    FROM historian.readings AS r
    CROSS JOIN erp.plant_clock AS p
    WHERE r.tag = 'temperature' AND r.quality = 192 AND r.ts >= p.plant_now - INTERVAL 24 HOUR
    GROUP BY r.machine
),
downtime AS (
    SELECT
        m.machine,
        sum(date_diff(
            'minute', greatest(m.started_at, p.plant_now - INTERVAL 7 DAY), coalesce(m.ended_at, p.plant_now)
        )) / 60.0 AS down_hours_7d
    FROM mes.machine_states AS m
    CROSS JOIN erp.plant_clock AS p
    WHERE m.status = 'down' AND coalesce(m.ended_at, p.plant_now) > p.plant_now - INTERVAL 7 DAY
    GROUP BY m.machine
)
SELECT
    e.machine,
    e.line,
    e.name,
    s.status,
    s.reason,
    s.started_at AS since,
    s.expected_end,
    s.work_order_no,
    round(v.vibration_24h, 2) AS vibration_24h,
    round(v.vibration_24h / v.vibration_before, 2) AS vibration_ratio,
    t.max_temperature_24h,
    round(coalesce(d.down_hours_7d, 0), 1) AS down_hours_7d,
    CASE
        WHEN v.vibration_24h >= l.alarm_limit THEN 'alarm'
        WHEN v.vibration_24h >= l.warn_limit THEN 'warning'
        ELSE 'ok'
    END AS vibration_condition
FROM erp.machines AS e
LEFT JOIN current_state AS s ON s.machine = e.machine
LEFT JOIN vibration AS v ON v.machine = e.machine
LEFT JOIN temperature AS t ON t.machine = e.machine
LEFT JOIN downtime AS d ON d.machine = e.machine
LEFT JOIN historian.tags AS l ON l.machine = e.machine AND l.tag = 'vibration';

COMMENT ON VIEW machine_health IS 'Each machine now: its state, its vibration against two weeks ago, its downtime in the last seven days.';
COMMENT ON COLUMN machine_health.machine IS 'Machine code.';
COMMENT ON COLUMN machine_health.line IS 'Production line.';
COMMENT ON COLUMN machine_health.name IS 'Make and model.';
COMMENT ON COLUMN machine_health.status IS 'running, setup, idle, down or off.';
COMMENT ON COLUMN machine_health.reason IS 'Why it does not run; null when it does.';
COMMENT ON COLUMN machine_health.since IS 'When the present state began.';
COMMENT ON COLUMN machine_health.expected_end IS 'When maintenance expects a stop to be over.';
COMMENT ON COLUMN machine_health.work_order_no IS 'Work order on the machine.';
COMMENT ON COLUMN machine_health.vibration_24h IS 'Mean vibration of the turning spindle in the last 24 hours, mm/s.';
COMMENT ON COLUMN machine_health.vibration_ratio IS 'Vibration now divided by that of more than two weeks ago.';
COMMENT ON COLUMN machine_health.max_temperature_24h IS 'Highest temperature in the last 24 hours, °C.';
COMMENT ON COLUMN machine_health.down_hours_7d IS 'Hours down in the last seven days.';
COMMENT ON COLUMN machine_health.vibration_condition IS 'ok, warning or alarm, by the limits of the historian.';
