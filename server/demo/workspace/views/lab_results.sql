CREATE VIEW lab_results AS
WITH typed AS (
    SELECT
        sample_no,
        work_order_no,
        machine,
        characteristic,
        unit,
        lower_limit,
        upper_limit,
        verdict,
        remark,
        CAST(measured_on AS VARCHAR) AS day_text,
        CAST(value AS VARCHAR) AS value_text
    FROM lab.measurements
    WHERE sample_no IS NOT NULL
)
SELECT
    sample_no,
    characteristic,
    -- Some dates were typed as text, the German way: 24.03.2026.
    CASE
        WHEN day_text LIKE '__.__.____'
            THEN TRY_CAST(
                substr(day_text, 7, 4) || '-' || substr(day_text, 4, 2) || '-' || substr(day_text, 1, 2) AS DATE
            )
        ELSE TRY_CAST(substr(day_text, 1, 10) AS DATE)
    END AS measured_on,
    work_order_no,
    machine,
    TRY_CAST(replace(replace(value_text, '<', ''), ',', '.') AS DOUBLE) AS value,
    value_text LIKE '<%' AS below_detection,
    unit,
    lower_limit,
    upper_limit,
    verdict = 'i.O.' AS accepted,
    remark
FROM typed;

COMMENT ON VIEW lab_results IS 'The lab''s workbook with its values as numbers and its dates as dates, whatever was typed.';
COMMENT ON COLUMN lab_results.sample_no IS 'Number of the sample.';
COMMENT ON COLUMN lab_results.characteristic IS 'What was measured; together with the sample number the key.';
COMMENT ON COLUMN lab_results.measured_on IS 'Day of the measurement.';
COMMENT ON COLUMN lab_results.work_order_no IS 'Work order that the sample comes from.';
COMMENT ON COLUMN lab_results.machine IS 'Machine that made it.';
COMMENT ON COLUMN lab_results.value IS 'Measured value; the detection limit where it was below it; null where it could not be measured.';
COMMENT ON COLUMN lab_results.below_detection IS 'True when the value was below the detection limit.';
COMMENT ON COLUMN lab_results.unit IS 'Unit of value and limits.';
COMMENT ON COLUMN lab_results.lower_limit IS 'Lowest accepted value; null when there is none.';
COMMENT ON COLUMN lab_results.upper_limit IS 'Highest accepted value.';
COMMENT ON COLUMN lab_results.accepted IS 'The verdict of the lab; null when it could not measure.';
COMMENT ON COLUMN lab_results.remark IS 'Remark of the inspector.';
