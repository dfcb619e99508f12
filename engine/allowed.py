"""What a query may be made of: syntax nodes and functions. All that is not listed is refused.

Left out on purpose: whatever reads files, the network, settings, the catalog, other statements or the run's
surroundings (read_*, glob, query, getvariable, current_setting, json_execute_serialized_sql, duckdb_*), whatever
has an effect (nextval, setseed, write_log, sleep_ms), and table functions other than unnest, range and
generate_series.
"""

from __future__ import annotations

from sqlglot import exp

FUNCTIONS = frozenset(
    """
    abs acos acosh add age aggregate any_value approx_count_distinct approx_quantile arbitrary arg_max
    arg_max_null arg_min arg_min_null argmax argmin array_agg array_append array_apply array_cat array_concat
    array_contains array_distinct array_extract array_filter array_has array_has_all array_has_any array_indexof
    array_length array_position array_prepend array_reverse array_reverse_sort array_slice array_sort
    array_to_string array_transform array_unique array_value ascii asin asinh atan atan2 atanh avg base64 bin
    bit_and bit_count bit_length bit_or bit_xor bool_and bool_or cbrt ceil ceiling century char_length
    character_length chr concat concat_ws contains corr cos cosh cot count count_if countif count_star covar_pop
    covar_samp cume_dist current_date current_timestamp damerau_levenshtein date date_add date_diff date_part
    date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear decade
    decode degrees dense_rank divide element_at encode ends_with entropy epoch epoch_ms epoch_ns epoch_us even exp
    extract factorial favg fdiv filter first first_value flatten floor fmod format from_base64 from_hex fsum gamma
    gcd gen_random_uuid generate_series geomean geometric_mean greatest greatest_common_divisor group_concat
    grouping hamming hash hex histogram hour if ifnull ilike instr isfinite isinf isnan iso_week isodow isoyear
    jaccard jaro_similarity jaro_winkler_similarity json_array json_array_length json_contains json_exists
    json_extract json_extract_path json_extract_path_text json_extract_string json_group_array json_group_object
    json_keys json_object json_type json_valid json_value julian kahan_sum kurtosis kurtosis_pop lag last last_day
    last_value lcase lcm lead least least_common_multiple left len length levenshtein lgamma list list_aggregate
    list_append list_any_value list_avg list_concat list_contains list_count list_distinct list_element
    list_extract list_filter list_first list_has list_has_all list_has_any list_indexof list_intersect list_last
    list_max list_median list_min list_mode list_pack list_position list_prepend list_product list_reduce
    list_reverse list_slice list_sort list_string_agg list_sum list_transform list_unique list_value list_where
    list_zip listagg ln log log10 log2 lower lpad ltrim mad make_date make_time make_timestamp make_timestamptz
    map map_contains map_entries map_extract map_from_entries map_keys map_values max max_by md5 mean median
    microsecond millennium millisecond min min_by minute mod mode month monthname multiply nanosecond nextafter
    nfc_normalize now nth_value ntile nullif octet_length ord overlay percent_rank percentile_cont percentile_disc
    pi position pow power prefix printf product quantile quantile_cont quantile_disc quarter radians random range
    rank regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
    regexp_split_to_array regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
    regr_syy repeat replace reverse right round round_even roundbankers row row_number rpad rtrim second sem sha1
    sha256 sign signbit sin sinh skewness split split_part sqrt starts_with stddev stddev_pop stddev_samp
    str_split str_split_regex strftime string_agg string_split string_split_regex string_to_array strip_accents
    strlen strpos strptime struct_extract struct_pack substr substring subtract suffix sum sumkahan tan tanh
    time_bucket timezone timezone_hour timezone_minute to_base to_base64 to_centuries to_days to_decades to_hex
    to_hours to_json to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds
    to_timestamp to_weeks to_years today transaction_timestamp translate trim trunc try_strptime typeof ucase
    unbin unhex unicode unnest upper url_decode url_encode uuid var_pop var_samp variance week weekday weekofyear
    weighted_avg xor year yearweek coalesce try_cast cast
    """.split()
)

TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})

# Nodes of the tree that are functions under sqlglot's own name for them (one word for many dialects).
FUNCTION_NODES = frozenset(
    """
    And Or Not Xor Case Cast TryCast Coalesce Nullif If BitwiseAndAgg BitwiseOrAgg BitwiseXorAgg TimestampTrunc
    TimeToUnix UnixToTime StrPosition JSONArray JSONExtractScalar JSONObject ArrayOverlaps
    ArrayMax ArrayMin Transform Array Pad DateFromParts TimeFromParts TimestampFromParts RegexpLike SHA2
    RegexpSplit TimeToStr StrToTime Struct DateBin Explode Exists Extract Anonymous AnonymousAggFunc CurrentDate
    CurrentTimestamp TsOrDsAdd TsOrDsToDate StrToDate JSONKeyValue SafeDivide
    ParameterizedAgg CombinedAggFunc CombinedParameterizedAgg ToMap ArrayContainedBy
    """.split()
)

# Everything else that a SELECT is made of.
NODES = frozenset(
    """
    Select From Where Group Having Qualify Order Ordered Limit Offset Fetch Distinct With CTE Subquery Table
    TableAlias Identifier Column Star Alias Aliases Literal Boolean Null Placeholder Join Union Intersect Except
    Lateral Unnest Values Tuple Paren In Between Like ILike LikeAny LikeAll Is EQ NEQ LT LTE GT GTE NullSafeEQ
    NullSafeNEQ Add Sub Mul Div IntDiv Not And Or Xor Mod Neg Pow DPipe BitwiseAnd BitwiseOr BitwiseXor BitwiseNot
    BitwiseLeftShift BitwiseRightShift DataType DataTypeParam Interval IntervalSpan Var Window WindowSpec Filter
    WithinGroup IgnoreNulls RespectNulls Lambda Kwarg PropertyEQ Bracket Dot Slice Any All SubqueryPredicate
    Escape AtTimeZone Cube Rollup GroupingSets Pivot PivotAlias HexString BitString ByteString RawString National
    JSONKeyValue JSONPath JSONPathRoot JSONPathKey JSONPathSubscript JSONPathWildcard JSONExtract JSONPathRecursive
    GenerateSeries ColumnDef ForIn
    """.split()
)


def refused(node: exp.Expr) -> str | None:
    """What is wrong with one node, in words for its author; None when it may stand in a query."""
    name = type(node).__name__
    if isinstance(node, exp.Anonymous):
        return None if node.name.lower() in FUNCTIONS else f"function {node.name}() is not available"
    if isinstance(node, exp.AnonymousAggFunc):
        return None if str(node.this).lower() in FUNCTIONS else f"function {node.this}() is not available"
    if isinstance(node, exp.Func):
        if name in FUNCTION_NODES or name in NODES:
            return None
        names = {word.lower() for word in node.sql_names()}
        return None if names & FUNCTIONS else f"function {min(names)}() is not available"
    return None if name in NODES else f"{name} is not available in a query"
