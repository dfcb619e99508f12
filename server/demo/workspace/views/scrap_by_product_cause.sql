CREATE VIEW scrap_by_product_cause AS
WITH made AS (
    SELECT product_code, sum(good_count + scrap_count) AS made_count
    FROM mes.production_counts
    WHERE product_code IS NOT NULL
    GROUP BY product_code
),
scrapped AS (
    SELECT
        product_code,
        cause_code,
        cause,
        sum(quantity) AS scrap_count,
        count(*) AS reports,
        max(reported_at) AS last_reported_at
    FROM mes.scrap_reports
    GROUP BY product_code, cause_code, cause
)
SELECT
    s.product_code,
    p.name AS product,
    p.family,
    s.cause_code,
    s.cause,
    CAST(s.scrap_count AS BIGINT) AS scrap_count,
    s.reports,
    s.last_reported_at,
    CAST(m.made_count AS BIGINT) AS made_count,
    round(100.0 * s.scrap_count / m.made_count, 3) AS scrap_percent,
    CAST(s.scrap_count * p.list_price AS DECIMAL(14, 2)) AS scrap_value
FROM scrapped AS s
JOIN erp.products AS p ON p.product_code = s.product_code
JOIN made AS m ON m.product_code = s.product_code;

COMMENT ON VIEW scrap_by_product_cause IS 'Scrap of the last four weeks by product and cause, valued at list price.';
COMMENT ON COLUMN scrap_by_product_cause.product_code IS 'Product code of the ERP.';
COMMENT ON COLUMN scrap_by_product_cause.product IS 'Name of the product.';
COMMENT ON COLUMN scrap_by_product_cause.family IS 'GP gear pumps, PP piston pumps, DV directional valves.';
COMMENT ON COLUMN scrap_by_product_cause.cause_code IS 'Cause as reported by the operator.';
COMMENT ON COLUMN scrap_by_product_cause.cause IS 'Cause in words.';
COMMENT ON COLUMN scrap_by_product_cause.scrap_count IS 'Pieces scrapped for this cause.';
COMMENT ON COLUMN scrap_by_product_cause.reports IS 'Number of reports.';
COMMENT ON COLUMN scrap_by_product_cause.last_reported_at IS 'Time of the latest report.';
COMMENT ON COLUMN scrap_by_product_cause.made_count IS 'Pieces of the product made, good and scrapped.';
COMMENT ON COLUMN scrap_by_product_cause.scrap_percent IS 'Scrap of this cause in percent of the pieces made.';
COMMENT ON COLUMN scrap_by_product_cause.scrap_value IS 'Scrapped pieces at list price in EUR.';
