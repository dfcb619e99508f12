CREATE VIEW oee_by_line_shift AS
WITH slots AS (
    SELECT
        machine,
        line,
        shift_date,
        shift,
        shift_start,
        shift_end,
        sum(good_count) AS good_count,
        sum(scrap_count) AS scrap_count,
        coalesce(sum((good_count + scrap_count) * ideal_cycle_s), 0) AS ideal_s
    FROM mes.production_counts
    GROUP BY machine, line, shift_date, shift, shift_start, shift_end
),
running AS (
    SELECT
        s.machine,
        s.shift_start,
        sum(date_diff(
            'second',
            greatest(m.started_at, s.shift_start),
            least(coalesce(m.ended_at, s.shift_end), s.shift_end)
        )) AS running_s
    FROM slots AS s
    JOIN mes.machine_states AS m
        ON m.machine = s.machine
        AND m.started_at < s.shift_end
        AND coalesce(m.ended_at, s.shift_end) > s.shift_start
    WHERE m.status = 'running'
    GROUP BY s.machine, s.shift_start
),
totals AS (
    SELECT
        s.line,
        s.shift_date,
        s.shift,
        count(*) AS machines,
        CAST(sum(date_diff('second', s.shift_start, s.shift_end)) AS DOUBLE) AS planned_s,
        CAST(sum(coalesce(r.running_s, 0)) AS DOUBLE) AS running_s,
        CAST(sum(s.ideal_s) AS DOUBLE) AS ideal_s,
        CAST(sum(s.good_count) AS BIGINT) AS good_count,
        CAST(sum(s.scrap_count) AS BIGINT) AS scrap_count
    FROM slots AS s
    LEFT JOIN running AS r ON r.machine = s.machine AND r.shift_start = s.shift_start
    GROUP BY s.line, s.shift_date, s.shift
)
SELECT
    line,
    shift_date,
    shift,
    machines,
    good_count,
    scrap_count,
    round(running_s / planned_s, 4) AS availability,
    round(ideal_s / nullif(running_s, 0), 4) AS performance,
    round(good_count / nullif(good_count + scrap_count, 0), 4) AS quality,
    round(
        coalesce(
            (running_s / planned_s) * (ideal_s / nullif(running_s, 0))
            * (good_count / nullif(good_count + scrap_count, 0)),
            0
        ),
        4
    ) AS oee
FROM totals;

COMMENT ON VIEW oee_by_line_shift IS 'Overall equipment effectiveness of each line in each shift of the last four weeks: availability × performance × quality.';
COMMENT ON COLUMN oee_by_line_shift.line IS 'Production line: L1 gear pumps, L2 piston pumps, L3 valves.';
COMMENT ON COLUMN oee_by_line_shift.shift_date IS 'Day that the shift counts for; a night shift counts for the day on which it ends.';
COMMENT ON COLUMN oee_by_line_shift.shift IS 'night 22-6, early 6-14, late 14-22 local time.';
COMMENT ON COLUMN oee_by_line_shift.machines IS 'Machines that were planned to work.';
COMMENT ON COLUMN oee_by_line_shift.good_count IS 'Good pieces.';
COMMENT ON COLUMN oee_by_line_shift.scrap_count IS 'Scrapped pieces.';
COMMENT ON COLUMN oee_by_line_shift.availability IS 'Running time divided by planned time, 0 to 1.';
COMMENT ON COLUMN oee_by_line_shift.performance IS 'Ideal time of the pieces made divided by running time; null when nothing ran.';
COMMENT ON COLUMN oee_by_line_shift.quality IS 'Good pieces divided by all pieces; null when none was made.';
COMMENT ON COLUMN oee_by_line_shift.oee IS 'Availability × performance × quality, 0 when nothing was made.';
